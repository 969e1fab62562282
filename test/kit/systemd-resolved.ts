import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand, mustRun, type CommandResult } from '../../hosts/lab/command.ts'
import { eventually } from '../../hosts/lab/eventually.ts'
import type { Namespace } from '../../hosts/lab/namespace.ts'
import { Part, type PartOptions } from '../../hosts/lab/part.ts'
import { PATIENCE_MS } from './patience.ts'

/** Debian's packages, unpacked: installing them would replace the machine's own resolv.conf and nsswitch.conf. */
const UNPACKED = '/var/tmp/portreeve-systemd-resolved-2'
const LIBRARIES = join(UNPACKED, 'usr/lib', process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu')
const NSS_MODULE = join(LIBRARIES, 'libnss_resolve.so.2')

/** Reason why systemd-resolved cannot run here, or undefined if it can. Fetches the package the first time. */
export const resolvedProblem = async (): Promise<string | undefined> => {
  if (!existsSync(join(UNPACKED, 'usr/bin/resolvectl'))) {
    const problem = await unpack()
    if (problem !== undefined) return problem
  }
  const { stdout } = await runCommand('ldd', [join(UNPACKED, 'lib/systemd/systemd-resolved')])
  if (stdout.includes('not found')) return 'systemd-resolved lacks libraries: the package systemd is not installed'
  if (!existsSync(NSS_MODULE)) return 'the module of nss-resolve is not there'
  const { code } = await runCommand('which', ['dbus-daemon'])
  return code === 0 ? undefined : 'needs dbus-daemon'
}

const unpack = async (): Promise<string | undefined> => {
  const folder = `${UNPACKED}.${process.pid}`
  await mkdir(folder, { recursive: true })
  try {
    const packages = ['systemd-resolved', 'libnss-resolve']
    const { code, stderr } = await runCommand('apt-get', ['download', ...packages], { cwd: folder })
    const archives = (await readdir(folder)).filter((name) => name.endsWith('.deb'))
    if (code !== 0 || archives.length < packages.length) return `systemd-resolved cannot be fetched: ${stderr.trim()}`
    for (const archive of archives) await mustRun('dpkg', ['-x', join(folder, archive), join(folder, 'root')])
    await rename(join(folder, 'root'), UNPACKED).catch(() => undefined) // another run was faster
    return undefined
  } finally {
    await rm(folder, { recursive: true })
  }
}

/**
 * Script that starts systemd-resolved as on a desktop: an /etc and /run of its own, a bus, resolv.conf a link to the
 * stub. `$1` is the package, `$2` a folder, `$3` the name server. If it is asked over TLS, `$4` is a file with the authority
 * that the machine trusts.
 */
const SCRIPT = `
set -e
mount --make-rprivate /
mkdir -p "$2" /run/systemd /run/dbus
mount -t tmpfs tmpfs "$2"
mkdir "$2/etc" "$2/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$2/etc,workdir=$2/work" /etc
mount -t tmpfs tmpfs /run/systemd
mount -t tmpfs tmpfs /run/dbus
grep -q '^systemd-resolve:' /etc/passwd || echo 'systemd-resolve:x:991:991::/:/usr/sbin/nologin' >> /etc/passwd
grep -q '^systemd-resolve:' /etc/group || echo 'systemd-resolve:x:991:' >> /etc/group
mkdir -p /etc/dbus-1/system.d /run/systemd/resolve /run/systemd/resolved.conf.d
cp "$1"/usr/share/dbus-1/system.d/*resolve1* /etc/dbus-1/system.d/
chown systemd-resolve:systemd-resolve /run/systemd/resolve
printf '[Resolve]\\nDNS=%s\\nFallbackDNS=\\nDNSSEC=no\\nLLMNR=no\\nMulticastDNS=no\\n' "$3" > /run/systemd/resolved.conf.d/test.conf
if [ -n "$4" ]; then
  echo 'DNSOverTLS=yes' >> /run/systemd/resolved.conf.d/test.conf
  cat "$4" >> /etc/ssl/certs/ca-certificates.crt
  install -m 644 "$4" "/etc/ssl/certs/$(openssl x509 -hash -noout -in "$4").0"
fi
rm -f /etc/resolv.conf
ln -s /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
dbus-daemon --system --fork --nopidfile
exec "$1/lib/systemd/systemd-resolved"
`

/** systemd-resolved in a namespace, visible only to processes that `run` starts beside it. */
export class SystemdResolved {
  readonly #part: Part

  static async start(
    namespace: Namespace,
    { folder, upstream, authority = '' }: { folder: string; upstream: string; authority?: string },
  ): Promise<SystemdResolved> {
    const args = ['-m', 'sh', '-c', SCRIPT, 'resolved', UNPACKED, folder, upstream, authority]
    const resolved = new SystemdResolved(namespace.spawn('unshare', args, { name: 'systemd-resolved' }))
    await eventually(
      async () => {
        if (!resolved.#part.isRunning) throw new Error(resolved.#part.output)
        return (await resolved.run('resolvectl', ['status'])).code === 0 ? true : undefined
      },
      { what: `systemd-resolved runs: ${resolved.#part.output}`, timeoutMs: PATIENCE_MS },
    )
    return resolved
  }

  private constructor(part: Part) {
    this.#part = part
  }

  /** Runs a command beside systemd-resolved, with its resolv.conf and bus. */
  run(command: string, args: readonly string[], timeoutMs = PATIENCE_MS): Promise<CommandResult> {
    return runCommand('nsenter', this.#within(command, args), { timeoutMs, env: ENVIRONMENT })
  }

  spawn(command: string, args: readonly string[], options: PartOptions): Part {
    return new Part('nsenter', this.#within(command, args), { ...options, env: { ...ENVIRONMENT, ...options.env } })
  }

  /** Replaces a file, or a link, that only processes beside systemd-resolved see. */
  async write(path: string, text: string): Promise<void> {
    await this.run('sh', ['-c', 'rm -f "$1" && printf %s "$2" > "$1"', 'write', path, text])
  }

  async stop(): Promise<void> {
    await this.#part.stop()
  }

  #within(command: string, args: readonly string[]): string[] {
    return ['-t', String(this.#part.pid), '-m', '-n', command, ...args]
  }
}

const ENVIRONMENT = {
  LD_LIBRARY_PATH: LIBRARIES,
  PATH: `${UNPACKED}/usr/bin:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin`,
}
