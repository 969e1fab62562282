import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { buildPackages } from '../kit/built-packages.ts'
import { DebianMachine, debianProblem, runProgram } from '../kit/debian-machine.ts'
import { kernelProblem } from '../kit/needs-kernel.ts'
import { skipBecause } from '../kit/skip-because.ts'
import { packageRoot } from '../kit/source-tree.ts'

const [OLD, NEW] = ['0.0.1', '0.0.2']
const PORTAL = 'http://192.0.2.1:8080'

const PORTAL_YAML = `public_url: ${PORTAL}
listen: { host: 192.0.2.1, port: 8080 }
plugins:
  - use: builtin:identity-oidc
  - use: builtin:identity-email-otp
    config:
      smtp: { host: mail.example.org, port: 587, user: portreeve, password_file: secrets/portal/smtp-password }
      from: Portreeve <portreeve@example.org>
  - use: builtin:condition-time-window
  - use: builtin:selector-random
`
const GATEWAY_YAML = `portal_url: ${PORTAL}
token_file: secrets/gateway/token
plugins: [{ use: builtin:transport-wireguard }, { use: builtin:resolver-system }]
`
const CLIENT_YAML = GATEWAY_YAML.replace('/gateway/', '/client/')

/** Line of shell that prints the parts of the kernel and the resolver that Portreeve changes, as text to compare. */
const MACHINE_STATE =
  'ip -o link | cut -d: -f2 | sort; ip rule; ip -6 rule; ip route show table all | grep -v expires; nft list tables; iptables -S; cat /etc/resolv.conf; ls -a /etc | grep resolv; cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding'

describe('the Debian packages, on a machine with systemd', () => {
  const folder = mkdtempSync('/var/tmp/portreeve-packages-')
  let machine: DebianMachine
  let untouched = ''
  let token = ''

  /** Calls the portal's API in the machine, and returns the row that it answers with. */
  const create = async (path: string, body: object): Promise<Record<string, string>> => {
    const script = `
      const answer = await fetch('${PORTAL}/api/v1/${path}', { method: 'POST', body: ${JSON.stringify(JSON.stringify(body))},
        headers: { authorization: 'Bearer ${token}', 'content-type': 'application/json' } })
      const text = await answer.text()
      if (!answer.ok) throw new Error(text)
      console.log(text)`
    return JSON.parse(await machine.must('/usr/lib/portreeve/bin/node --input-type=module -', script)) as Record<string, string> // prettier-ignore
  }

  before(async function () {
    this.timeout(900_000)
    const problem = kernelProblem() ?? (await debianProblem())
    if (problem !== undefined) skipBecause(this, problem)
    const debs = join(folder, 'debs')
    await buildPackages({ out: join(debs, OLD), version: OLD })
    await buildPackages({ out: join(debs, NEW), version: NEW })
    machine = await DebianMachine.create()
    cpSync(debs, join(machine.root, 'srv/debs'), { recursive: true })
    await machine.boot()
    untouched = await machine.must(MACHINE_STATE)
  })
  after(async () => {
    if (machine !== undefined) await machine.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  it('a second build in another folder gives the same bytes', async () => {
    const other = join(folder, 'elsewhere/clone')
    const root = packageRoot()
    await runProgram('mkdir', ['-p', other])
    for (const name of readdirSync(root)) {
      if (name !== '.git') await runProgram('cp', ['-r', join(root, name), join(other, name)])
    }
    const { output: epoch } = await runProgram('git', ['-C', root, 'log', '-1', '--format=%ct'])
    process.env['SOURCE_DATE_EPOCH'] = epoch.trim()
    try {
      const again = await buildPackages({ out: join(folder, 'again'), version: OLD, root: other })
      for (const [name, path] of Object.entries(again)) {
        const first = path.replace(join(folder, 'again'), join(folder, 'debs', OLD))
        expect(readFileSync(first).equals(readFileSync(path)), name).to.equal(true)
      }
    } finally {
      delete process.env['SOURCE_DATE_EPOCH']
    }
  })

  it('lintian finds no error and no warning in the packages', async function () {
    const { code, output } = await runProgram('sh', ['-c', `lintian --fail-on error,warning ${join(folder, 'debs', NEW)}/*.deb`]) // prettier-ignore
    if (code === 127) skipBecause(this, 'needs the Debian package lintian')
    expect(code, output).to.equal(0)
  })

  it('freshly installed services are enabled, and start nothing without a configuration', async () => {
    await machine.must(`dpkg --force-unsafe-io -i /srv/debs/${OLD}/*.deb`)
    for (const role of ['portal', 'gateway', 'client']) {
      expect((await machine.run(`systemctl is-enabled portreeve-${role}`)).output.trim()).to.equal('enabled')
      expect((await machine.run(`systemctl is-active portreeve-${role}`)).output.trim()).to.equal('inactive')
      expect(await machine.must(`systemctl show -P ConditionResult portreeve-${role}`)).to.equal('no\n')
    }
    expect((await machine.run('systemctl --failed --no-legend')).output).to.equal('')
    expect(await machine.must('portreeve --version')).to.match(/^\d+\.\d+\.\d+/)
  })

  it('a gateway stays up at boot on a machine without a route and without a portal', async () => {
    await machine.write('/etc/portreeve/gateway.yaml', GATEWAY_YAML)
    await machine.write('/etc/portreeve/secrets/gateway/token', 'not-yet-known', '600')
    await machine.powerOff()
    await machine.boot()
    expect(await machine.must('systemctl is-active portreeve-gateway')).to.equal('active\n')
    const { output } = await machine.run('portreeve gateway status')
    expect(output)
      .to.include('192.0.2.1:8080')
      .and.to.match(/network_unreachable/)
    expect(await machine.must('systemctl show -P NRestarts portreeve-gateway')).to.equal('0\n')
    await machine.must('systemctl stop portreeve-gateway')
  })

  it('a portal runs without root’s rights, with a secret that only root may read', async () => {
    await machine.must(
      'ip link add outside type veth peer name outside2 && ip address add 192.0.2.1/24 dev outside && ip link set outside up && ip link set outside2 up',
    )
    await machine.write('/etc/portreeve/portal.yaml', PORTAL_YAML)
    await machine.write('/etc/portreeve/secrets/portal/smtp-password', 'hush', '600')
    await machine.must('systemctl start portreeve-portal')
    const pid = (await machine.must('systemctl show -P MainPID portreeve-portal')).trim()
    expect(await machine.must(`ps -o user= -p ${pid} 2>/dev/null || stat -c %U /proc/${pid}`)).to.match(/^portreeve/)
    expect(await machine.must('stat -c "%U %a" /var/lib/portreeve/portal')).to.equal('portreeve 700\n')
    const init = 'portreeve portal init --account example --admin-email ada@example.org --json'
    const made = await machine.must(`runuser -u portreeve -- ${init}`)
    token = (JSON.parse(made) as { token: string }).token
  })

  it('a gateway connects with the token that systemd hands to it, and comes back when it is killed', async () => {
    const site = await create('sites', { name: 'Berlin' })
    const minted = await create(`sites/${site['id']}/gateway_tokens`, { name: 'berlin-1' })
    await machine.write('/etc/portreeve/secrets/gateway/token', `${minted['token']}\n`, '600')
    await machine.must('systemctl start portreeve-gateway')
    await machine.until('portreeve gateway status')
    await machine.must('systemctl kill -s KILL portreeve-gateway')
    await machine.until('[ "$(systemctl show -P NRestarts portreeve-gateway)" = 1 ] && portreeve gateway status')
  })

  it('an upgrade keeps configuration and state, and starts what ran with the new version', async () => {
    await machine.must('echo "# the operator’s own" >> /etc/default/portreeve-gateway')
    const before = await machine.must(
      'sha256sum /etc/portreeve/*.yaml /etc/default/portreeve-gateway; cat /var/lib/portreeve/gateway/id',
    )
    const pid = await machine.must('systemctl show -P MainPID portreeve-gateway')
    const { output, code } = await machine.run(`dpkg --force-unsafe-io -i /srv/debs/${NEW}/*.deb`)
    expect(code, output).to.equal(0)
    await machine.until('portreeve gateway status')
    expect(await machine.must('systemctl show -P MainPID portreeve-gateway')).not.to.equal(pid)
    expect(await machine.must('sha256sum /etc/portreeve/*.yaml /etc/default/portreeve-gateway; cat /var/lib/portreeve/gateway/id')).to.equal(before) // prettier-ignore
    expect(await machine.must('systemctl is-active portreeve-portal')).to.equal('active\n')
    expect(await machine.must("dpkg-query -W -f '${Version}\\n' portreeve-portal")).to.equal(`${NEW}\n`)
  })

  it('a removed gateway leaves nothing in the kernel, and keeps its state', async () => {
    await machine.must('dpkg -r portreeve-gateway')
    await machine.must('test -s /var/lib/portreeve/gateway/id && test -s /etc/portreeve/secrets/gateway/token')
    const changed = (await machine.must(MACHINE_STATE)).replace(/.*\boutside.*\n/g, '')
    expect(
      changed
        .split('\n')
        .filter((line) => !/192\.0\.2\.|dev outside/.test(line))
        .join('\n'),
    ).to.equal(untouched)
  })

  it('a client connects as a service, and its removal puts the resolver and the routes back', async () => {
    const account = await create('actors', { type: 'service_account', name: 'build' })
    const minted = await create(`actors/${account['id']}/client_tokens`, { name: 'build-1' })
    await machine.write('/etc/portreeve/client.yaml', CLIENT_YAML)
    await machine.write('/etc/portreeve/secrets/client/token', `${minted['token']}\n`, '600')
    await machine.must('systemctl start portreeve-client')
    await machine.until('portreeve client status')
    expect(await machine.must('cat /etc/resolv.conf')).to.include('100.100.111.')
    await machine.must('dpkg -r portreeve-client')
    const changed = await machine.must(MACHINE_STATE)
    expect(
      changed
        .split('\n')
        .filter((line) => !/192\.0\.2\.|\boutside/.test(line))
        .join('\n'),
    ).to.equal(untouched)
  })

  it('a purge leaves nothing: no file, no user, no unit', async () => {
    await machine.must('dpkg -P portreeve-portal portreeve-gateway portreeve-client portreeve-common')
    const found = await machine.must("find / -xdev \\( -path /srv -o -path /proc -o -path /sys -o -path /var/log/journal \\) -prune -o -name '*portreeve*' -print") // prettier-ignore
    expect(found).to.equal('')
    expect((await machine.run('getent passwd portreeve || getent group portreeve')).code).not.to.equal(0)
    expect((await machine.run('systemctl --failed --no-legend')).output).to.equal('')
  })
})
