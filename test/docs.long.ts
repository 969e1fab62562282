import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { mustRun } from '../hosts/lab/command.ts'
import { Namespace } from '../hosts/lab/namespace.ts'
import { RunDirectory } from '../hosts/lab/run-directory.ts'
import { packageRoot } from '../hosts/runtime/process/package-root.ts'
import { makeAuthority, type Authority } from './kit/certificate.ts'
import { blocksOf, operatorDocuments, type DocumentBlock } from './kit/document-blocks.ts'
import { needsKernel } from './kit/needs-kernel.ts'
import { Postgres } from './kit/postgres.ts'

// Runs the blocks of docs/ that are marked `sh run`, and writes the files that are marked `file=`, from the text itself and
// in their order, as root of a machine with a network of its own and copy-on-write folders. Stand-ins there: systemctl (it
// starts the very programs), the certificate, the certificate authority of Caddy in place of ACME.

/** Documents that are carried out one after the other on one machine, as an operator would. */
const MACHINES: readonly (readonly string[])[] = [
  ['first-site.md', 'troubleshooting.md', 'backup.md', 'upgrade.md'],
  ['reverse-proxy.md'],
  ['firewall.md'],
  ['postgresql.md'],
]

const NAME = 'portal.example.org'

describe('the commands of the documents for operators, run', function () {
  this.timeout(600_000)
  needsKernel()
  let run: RunDirectory
  /** Outside of /run, which each machine has of its own. */
  let root: string
  let authority: Authority
  let postgres: Postgres | undefined

  before(async function () {
    run = await RunDirectory.open()
    root = await mkdtemp(join(tmpdir(), 'portreeve-docs-'))
    authority = await makeAuthority()
    postgres = await Postgres.start(this)
    // The kit's server has one role, of the name that the document makes: here the administrator has the usual one.
    await postgres.query('CREATE ROLE postgres SUPERUSER LOGIN')
    const rename = 'ALTER ROLE portreeve RENAME TO administrator'
    await mustRun('psql', ['-h', postgres.folder, '-U', 'postgres', '-d', 'postgres', '-c', rename])
  })
  after(async () => {
    await run?.close()
    await rm(root, { recursive: true, force: true })
    await postgres?.stop()
  })

  it('every document is carried out on some machine, or has nothing to run', async () => {
    const known = MACHINES.flat()
    for (const document of await operatorDocuments()) {
      const runs = (await blocksOf(document)).some(({ mark }) => mark === 'run')
      expect(runs, document).to.equal(known.includes(document))
    }
  })

  for (const [number, documents] of MACHINES.entries()) {
    it(`the commands of ${documents.join(', ')} do what they say`, async () => {
      const blocks = (await Promise.all(documents.map(blocksOf))).flat()
      const machine = await Namespace.create(run, `docs${number}`)
      const folder = join(root, `docs${number}`)
      const script = await prepare(folder, blocks)
      const { code, stdout, stderr } = await machine.run('unshare', ['--mount', '/bin/sh', script], {
        timeoutMs: 500_000,
      })
      const [last = 'its set-up'] = stdout.match(/^== .*$/gm)?.slice(-1) ?? []
      expect(code, `after ${last}\n${stdout}\n${stderr}`).to.equal(0)
    })
  }

  /** Writes the files of a machine, and the script that carries the blocks out. Returns the script. */
  const prepare = async (folder: string, blocks: readonly DocumentBlock[]): Promise<string> => {
    const at = (name: string): string => join(folder, name)
    await mkdir(folder)
    const { cert, key } = await authority.issue([NAME])
    await writeFile(at('portal.pem'), cert)
    await writeFile(at('portal-key.pem'), key, { mode: 0o600 })
    await writeFile(at('authorities.pem'), authority.cert)
    for (const [name, text] of [
      ['portreeve', `#!/bin/sh\nexec ${process.execPath} ${join(packageRoot(), 'dist/hosts/cli/main.js')} "$@"\n`],
      ['systemctl', SYSTEMCTL],
    ] as const) {
      await writeFile(at(name), text)
      await chmod(at(name), 0o755)
    }
    const steps: string[] = []
    for (const [index, { document, line, mark, text }] of blocks.entries()) {
      const block = at(`block-${index}`)
      const [, file] = /^file=(\S+)$/.exec(mark) ?? []
      if (file === undefined && mark !== 'run') continue
      await writeFile(block, file === '/etc/caddy/Caddyfile' ? `${CADDY_OPTIONS}${text}` : text)
      steps.push(`echo "== ${document}:${line}"`)
      if (file === undefined) steps.push(`/bin/sh -eu ${block}`)
      else steps.push(`mkdir -p "$(dirname ${file})"`, `cp ${block} ${file}`)
    }
    const script = at('script')
    await writeFile(script, [machineOf(folder, postgres?.folder ?? ''), ...steps, ''].join('\n'))
    return script
  }
})

/** Caddy's own options in place of ACME and of the machine's trust. */
const CADDY_OPTIONS = '{\n  local_certs\n  skip_install_trust\n}\n'

/** Commands that make the machine: folders that are copies, names, certificates, and the end of all that it starts. */
const machineOf = (folder: string, postgres: string): string => `set -eu
mkdir ${folder}/copies
mount -t tmpfs none ${folder}/copies
for each in etc var root; do
  mkdir ${folder}/copies/$each ${folder}/copies/$each-work
  mount -t overlay none -o lowerdir=/$each,upperdir=${folder}/copies/$each,workdir=${folder}/copies/$each-work /$each
done
mount -t tmpfs none /run
mkdir -p /run/postgresql /var/backups
ln -s ${postgres}/.s.PGSQL.5432 /run/postgresql/.s.PGSQL.5432
echo "127.0.0.1 localhost ${NAME}" > /etc/hosts
mkdir -p /etc/portreeve/tls
cp ${folder}/portal.pem ${folder}/portal-key.pem /etc/portreeve/tls
export PATH="${folder}:$PATH" HOME=/root XDG_DATA_HOME=/root XDG_CONFIG_HOME=/root
export CURL_CA_BUNDLE=${folder}/authorities.pem PGUSER=postgres PGDATABASE=postgres STAND_IN=${folder}
cd /root
trap 'for unit in portreeve-portal nginx caddy; do systemctl stop $unit || true; done' EXIT
`

/** Stand-in for systemctl, which starts the programs of the units in the documents and waits until they serve. */
const SYSTEMCTL = `#!/bin/sh
set -eu
action=$1 unit=$2
pid=$STAND_IN/$unit.pid
stop() {
  [ -e "$pid" ] || return 0
  case $unit in
  nginx) nginx -s stop ;;
  caddy) caddy stop --config /etc/caddy/Caddyfile ;;
  *) kill "$(cat "$pid")" && while kill -0 "$(cat "$pid")" 2>/dev/null; do sleep 0.1; done ;;
  esac
  rm "$pid"
}
start() {
  case $unit in
  nginx) nginx && touch "$pid" ;;
  caddy)
    caddy start --config /etc/caddy/Caddyfile >"$STAND_IN/caddy.log" 2>&1 && touch "$pid"
    cat "$XDG_DATA_HOME/caddy/pki/authorities/local/root.crt" >>"$CURL_CA_BUNDLE"
    ;;
  portreeve-portal)
    portreeve portal --config /etc/portreeve/portal.yaml >"$STAND_IN/portal.log" 2>&1 &
    echo $! >"$pid"
    until grep -q '^portal: listening' "$STAND_IN/portal.log"; do
      kill -0 "$(cat "$pid")" || { cat "$STAND_IN/portal.log" >&2; exit 1; }
      sleep 0.1
    done
    ;;
  *) echo "no such unit: $unit" >&2; exit 1 ;;
  esac
}
case $action in
start) start ;;
stop) stop ;;
restart | reload) if [ "$action" = reload ] && [ -e "$pid" ]; then nginx -s reload; else stop; start; fi ;;
*) echo "not known here: $action" >&2; exit 1 ;;
esac
`
