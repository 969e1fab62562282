import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { before, describe, it } from 'mocha'
import { parse, stringify } from 'yaml'
import { eventually } from '../../hosts/lab/eventually.ts'
import { portreeve } from '../../hosts/lab/program.ts'
import { packageRoot } from '../../hosts/runtime/process/package-root.ts'
import { CLIENT_HOST, ipv4Of, WEB_PORT } from './bed/topology.ts'
import { useBed } from './bed/use-bed.ts'
import { PATIENCE_MS } from '../kit/patience.ts'

/** Statements M2 and M5: a client restores its machine, and a machine has room for one client or gateway. */
describe('the machine of a client or gateway', function () {
  this.timeout(240_000)
  let asBefore: string
  const bed = useBed(async (made) => {
    await made.resource('web', 'web.example.org', [{ protocol: 'tcp', ports: [String(WEB_PORT)] }])
    await made.startGateway('gateway')
    await made.join('client', [{ network: 'lan', host: CLIENT_HOST }])
  })
  before(async () => {
    asBefore = await stateOf()
    await bed().startClient('client')
    await bed().knows('web')
  })

  const run = (args: readonly string[], name = 'client') =>
    bed()
      .machine(name)
      .run(process.execPath, portreeve(...args), { timeoutMs: PATIENCE_MS })

  const config = (): string => join(bed().run.path, 'client.yaml')

  const stateOf = async (name = 'client'): Promise<string> => {
    const machine = bed().machine(name)
    const commands: readonly (readonly [string, ...string[]])[] = [
      ['ip', '-4', 'rule'],
      ['ip', '-6', 'rule'],
      ['ip', '-4', 'route', 'show', 'table', 'all'],
      ['ip', '-6', 'route', 'show', 'table', 'all'],
      ['nft', 'list', 'ruleset'],
      ['cat', '/etc/resolv.conf'],
    ]
    const texts = []
    for (const [program, ...args] of commands) texts.push((await machine.run(program, args)).stdout)
    // The kernel's own bookkeeping of neighbours and lifetimes is no configuration.
    return texts.join('---\n').replace(/ expires \d+sec/g, '')
  }

  /**
   * Kills every process on the machine at once, as a service manager ends a control group: none is left to restore
   * anything.
   */
  const killAll = async (): Promise<void> => {
    const machine = bed().machine('client')
    const { stdout } = await machine.run('ip', ['netns', 'pids', machine.name])
    for (const pid of stdout.split('\n').filter((line) => line !== '')) {
      const cmdline = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      if (/portreeve-resolv-conf|\0client\0up\0/.test(cmdline)) process.kill(Number(pid), 'SIGSTOP')
    }
    for (const pid of stdout.split('\n').filter((line) => line !== '')) {
      const cmdline = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      if (/portreeve-resolv-conf|\0client\0up\0/.test(cmdline)) process.kill(Number(pid), 'SIGKILL')
    }
    await bed().part('client').ended
    await eventually(
      async () => ((await machine.ip(['-j', 'link', 'show', 'type', 'tun'])).includes('tun-') ? undefined : true),
      { what: 'its device is gone', timeoutMs: PATIENCE_MS },
    )
  }

  for (const [first, what, settings] of [
    [
      'client',
      'a second client with a socket and a device of its own',
      { device: 'tun-second', role: 'client', checks: false },
    ],
    ['client', 'a second client with the same device', { device: 'tun-portreeve', role: 'client', checks: false }],
    ['client', 'a gateway', { device: 'tun-gateway', role: 'gateway', checks: true }],
    ['gateway', 'a client', { device: 'tun-portreeve', role: 'client', checks: true }],
    ['gateway', 'a second gateway with a device of its own', { device: 'tun-second', role: 'gateway', checks: false }],
  ] as const) {
    it(`M5 a machine with a ${first} refuses ${what} in a sentence, before anything of the first is touched${settings.checks ? ', and `check` says so' : ''}`, async () => {
      const { role, device, checks } = settings
      const file = role === 'client' ? config() : join(packageRoot(), 'config', 'gateway.yaml')
      const text = stringify({
        ...(parse(await readFile(file, 'utf8')) as object),
        portal_url: bed().portalUrlFor('dual'),
        device,
        state_folder: join(bed().run.path, 'second'),
        socket: join(bed().run.path, 'second.sock'),
        token_file: join(bed().run.path, `${role}.token`),
      })
      const second = await bed().run.write('second.yaml', text)
      const stood = await stateOf(first)
      const up = role === 'client' ? ['client', 'up'] : ['gateway']
      const [start, check] = await Promise.all(
        (checks ? [up, [role, 'check']] : [up]).map((args) => run([...args, '--config', second], first)),
      )
      const owner = `process \\d+, with the device ${first === 'client' ? 'tun-portreeve' : 'tun-gateway'}`
      expect(start?.code).to.equal(1)
      expect(start?.stderr).to.match(new RegExp(`MACHINE_TAKEN: another Portreeve .* ${owner}`))
      if (checks) {
        expect(check?.code).to.equal(1)
        expect(check?.stdout).to.match(new RegExp(`another Portreeve .* ${owner}[^]*\\(machine_taken\\)`))
      }
      expect(await stateOf(first)).to.equal(stood)
      expect((await bed().page('http://web.example.org/')).server).to.equal('target')
    })
  }

  it('M2 D8 `client down` restores the machine after the client was killed together with its guard', async () => {
    const { stdout } = await bed().machine('client').run('ip', ['-4', 'rule'])
    expect(stdout).to.contain('fwmark')
    await killAll()
    expect(await stateOf(), 'nobody was there to put it back').to.contain('nameserver 100.100.111.')
    const { code, stdout: said, stderr } = await run(['client', 'down', '--config', config()])
    expect(code, stderr).to.equal(0)
    expect(said).to.contain('the resolver, routing rules, filter rules')
    expect(await stateOf()).to.equal(asBefore)
    const again = await run(['client', 'down', '--config', config()])
    expect(again.code).to.equal(4)
    expect(again.stderr).to.contain('CLIENT_NOT_RUNNING')
  })

  it('M2 D8 the next start restores the machine of a killed client, before anybody has signed in, and touches nothing of others', async () => {
    await bed().startClient('client')
    const machine = bed().machine('client')
    await machine.mustRun('nft', ['add', 'table', 'inet', 'theirs'])
    await machine.ip(['rule', 'add', 'priority', '100', 'from', '192.0.2.1', 'lookup', 'main'])
    await killAll()
    const text = await readFile(config(), 'utf8')
    const waiting = { ...(parse(text) as object), token_file: undefined, account: 'example' }
    const file = await bed().run.write('waiting.yaml', stringify(waiting))
    const part = machine.spawn(process.execPath, portreeve('client', 'up', '--config', file), { name: 'waiting' })
    await part.line((line) => line.startsWith('Signed out.'))
    expect(part.output).to.contain('Put back what a client that was killed had left')
    const state = await stateOf()
    expect(state)
      .to.contain(`nameserver ${ipv4Of('outside', 10)}`)
      .and.not.to.contain('100.100.111.')
    expect(state).to.contain('table inet theirs').and.not.to.contain('portreeve-guard')
    expect(state)
      .to.contain('from 192.0.2.1 lookup main')
      .and.not.to.match(/fwmark|5390983/)
    await part.stop()
  })

  it('M2 `client down` does not touch the machine while another client runs on it, and names that client', async () => {
    await bed().startClient('client')
    const stood = await stateOf()
    const text = stringify({
      ...(parse(await readFile(config(), 'utf8')) as object),
      socket: join(bed().run.path, 'none.sock'),
    })
    const { code, stderr } = await run(['client', 'down', '--config', await bed().run.write('none.yaml', text)])
    expect(code).to.equal(4)
    expect(stderr).to.match(/process \d+ runs one, or a gateway, with the device tun-portreeve/)
    expect(await stateOf()).to.equal(stood)
  })
})
