import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { eventually } from '../../../hosts/lab/eventually.ts'
import { Namespace } from '../../../hosts/lab/namespace.ts'
import { RunDirectory } from '../../../hosts/lab/run-directory.ts'
import { needsKernel } from '../../kit/needs-kernel.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'
import { threeMachines } from './three-machines.ts'

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const GATEWAY = script('gateway-network.js')
const CLIENT = script('client-network.js')
const ECHO = `
  let count = 0
  for (const options of [{ type: 'udp4' }, { type: 'udp6', ipv6Only: true }]) {
    const socket = require('node:dgram').createSocket(options)
    socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address))
    socket.bind(7, () => console.log('listening', ++count))
  }`
const TABLE = String(0x2021fd00)
const LINKS = String(0x2021fd01)
const INTERNET = String(0x2021fd02)

describe('the network configuration of Linux', function () {
  this.timeout(240_000)
  needsKernel()
  let run: RunDirectory

  before(async () => {
    run = await RunDirectory.open()
  })
  after(async () => {
    await run?.close()
  })

  const sysctl = async (namespace: Namespace, name: string): Promise<string> =>
    (await namespace.mustRun('cat', [`/proc/sys/net/${name}`])).stdout.trim()

  describe('a gateway’s network configuration', () => {
    let gateway: Namespace
    let outsider: Namespace

    before(async () => {
      ;({ gateway, outsider } = await threeMachines(run))
    })

    const state = (): string => join(run.path, 'gateway-state')
    const outsiderReaches = async (server4or6 = '198.51.100.2'): Promise<boolean> =>
      (await outsider.run('ping', ['-c', '1', '-W', '1', server4or6])).code === 0

    // The flows decide who may reach the machine by a granted prefix; the gateway's tunnel addresses have their
    // services only.
    const ANSWERED = 'machine 4, machine 6, network 4, network 6, ping 4, ping 6, resolver 4, resolver 6'
    const answeredIn = (line: string): string => {
      const { answered, dropped }: { answered: string[]; dropped: object } = JSON.parse(line)
      expect(dropped).to.deep.equal({})
      return answered.toSorted().join(', ')
    }

    it('T6 a gateway forwards for tunnel addresses only, opens nothing else of itself or its networks, and clears its rules', async () => {
      const part = gateway.spawn(process.execPath, [GATEWAY, 'stay', state()], { name: 'gateway' })
      const line = await part.line((text) => text.includes('answered'))
      expect(answeredIn(line)).to.deep.equal(ANSWERED)
      // The product sets forwarding for each device, so that another program's change of the global switch can be seen.
      expect(await sysctl(gateway, 'ipv4/ip_forward')).to.equal('0')
      expect(await outsiderReaches(), 'the gateway is no router for others').to.equal(false)
      part.kill('SIGKILL')
      await part.ended

      // The rules that the killed process left still close the host, and the next run knows of them.
      expect(await outsiderReaches()).to.equal(false)
      const { stdout } = await gateway.mustRun(process.execPath, [GATEWAY, 'clear', state()])
      expect(answeredIn(stdout)).to.deep.equal(ANSWERED)
      expect(await sysctl(gateway, 'ipv4/ip_forward')).to.equal('0')
      expect(await sysctl(gateway, 'ipv6/conf/all/forwarding')).to.equal('0')
      for (const name of ['eth0', 'eth1', 'default']) {
        expect(await sysctl(gateway, `ipv4/conf/${name}/forwarding`), name).to.equal('0')
        expect(await sysctl(gateway, `ipv6/conf/${name}/forwarding`), name).to.equal('0')
        expect(await sysctl(gateway, `ipv6/conf/${name}/accept_ra`), name).to.equal('1')
      }
      expect((await gateway.mustRun('nft', ['list', 'tables'])).stdout.trim()).to.equal('')
      for (const family of ['-4', '-6']) expect(await gateway.ip([family, 'rule'])).not.to.contain('fwmark')
    })

    for (const { family, server6or4, theirs } of [
      { family: 'IPv4', server6or4: '198.51.100.2', theirs: 'ipv4/ip_forward' },
      { family: 'IPv6', server6or4: '2001:db8:1::2', theirs: 'ipv6/conf/all/forwarding' },
    ]) {
      const set = (value: string) => gateway.mustRun('sysctl', ['-qw', `net.${theirs.replaceAll('/', '.')}=${value}`])

      it(`M2 a gateway leaves alone ${family} forwarding that a container runtime switches on while it runs, and when it ends`, async () => {
        for (const end of ['clear', 'SIGKILL'] as const) {
          const part = gateway.spawn(
            process.execPath,
            [GATEWAY, end === 'clear' ? 'clear-on-signal' : 'stay', state()],
            {
              name: 'gateway',
            },
          )
          await part.line((text) => text.includes('answered'))
          expect(await outsiderReaches(server6or4), 'closed until then').to.equal(false)
          await set('1')
          await eventually(async () => ((await outsiderReaches(server6or4)) ? true : undefined), {
            what: 'others’ forwarding',
            timeoutMs: PATIENCE_MS,
          })
          const other = server6or4.includes(':') ? '198.51.100.2' : '2001:db8:1::2'
          expect(await outsiderReaches(other), 'the other family stays closed').to.equal(false)
          part.kill(end === 'clear' ? 'SIGUSR2' : 'SIGKILL')
          await part.ended
          if (end === 'SIGKILL') await gateway.mustRun(process.execPath, [GATEWAY, 'clear', state()])
          expect(await sysctl(gateway, theirs), end).to.equal('1')
          expect(await outsiderReaches(server6or4), end).to.equal(true)
          expect(await outsiderReaches(other), end).to.equal(false)
          await set('0')
        }
      })
    }

    it('a gateway leaves a host that was a router before a router', async () => {
      await gateway.mustRun('sysctl', ['-qw', 'net.ipv4.ip_forward=1'])
      expect(await outsiderReaches()).to.equal(true)
      const part = gateway.spawn(process.execPath, [GATEWAY, 'stay', state()], { name: 'gateway' })
      await part.line((text) => text.includes('answered'))
      expect(await outsiderReaches()).to.equal(true)
      part.kill('SIGKILL')
      await part.ended
      await gateway.mustRun(process.execPath, [GATEWAY, 'clear', state()])
      expect(await sysctl(gateway, 'ipv4/ip_forward')).to.equal('1')
      expect(await outsiderReaches()).to.equal(true)
    })
  })

  describe('a client’s network configuration', () => {
    it('T8 a client routes by mark, changes only differences, and keeps its own sockets out of the tunnel', async () => {
      const client = await Namespace.create(run, 'client')
      const world = await Namespace.create(run, 'world')
      await client.veth({ device: 'eth0', to: world, toDevice: 'eth0' })
      for (const [namespace, host] of [
        [client, 1],
        [world, 2],
      ] as const) {
        await namespace.address('eth0', `198.51.100.${host}/24`)
        await namespace.address('eth0', `2001:db8:1::${host}/64`)
      }
      const echo = world.spawn(process.execPath, ['-e', ECHO], { name: 'echo' })
      await echo.line((line) => line === 'listening 2')
      const part = client.spawn(process.execPath, [CLIENT], { name: 'client' })
      const result: Record<string, unknown> = JSON.parse(await part.line((text) => text.includes('result')))
      expect(result['result']).to.deep.equal({
        // The route to the very network of eth0 leads into the tunnel, for unmarked sockets.
        'unmarked 4': 'tunnel',
        'marked 4': 'world',
        'unmarked 6': 'tunnel',
        'marked 6': 'world',
        'marked tcp 4': 'world',
        'marked tcp 6': 'world',
      })
      for (const family of ['-4', '-6']) {
        const rules = await client.ip([family, 'rule', 'show', 'priority', '100'])
        expect(rules.trim()).to.match(/^100:\s+not from all fwmark 0xfd002021 lookup 539098368$/)
      }
      const routes = async (family: string, table = TABLE): Promise<string[]> =>
        (await client.ip([family, 'route', 'show', 'table', table]))
          .split('\n')
          .map((line) => /^(?:throw )?\S*/.exec(line)?.[0] ?? '')
          .filter((text) => text !== '')
      expect(await routes('-4')).to.deep.equal(['100.96.0.0/11', '198.51.100.0/24', '203.0.113.7'])
      expect(await routes('-6')).to.deep.equal(['2001:db8:1::/64', 'fd00:2021:1111:8000::/107'])
      // All other rules come after the routes of the machine's own links, which are copied.
      for (const { family, network, thrown } of [
        {
          family: '-4',
          network: '198.51.100.0/24',
          thrown: ['throw 169.254.0.0/16', 'throw 224.0.0.0/4', 'throw 255.255.255.255'],
        },
        { family: '-6', network: '2001:db8:1::/64', thrown: ['throw fe80::/10', 'throw ff00::/8'] },
      ]) {
        expect(await routes(family, LINKS)).to.deep.equal([network])
        expect(await routes(family, INTERNET)).to.have.members(['default', ...thrown])
        const rules = await client.ip([family, 'rule', 'show'])
        expect(rules).to.match(/200:\s+not from all fwmark 0xfd002021 lookup 539098369/)
        expect(rules).to.match(/300:\s+not from all fwmark 0xfd002021 lookup 539098370/)
        expect(rules).to.match(/310:\s+from (?:100\.64\.0\.0\/11|fd00:2021:1111::\/107) lookup 539098371/)
      }
      const device = await client.ip(['-6', 'address', 'show', 'dev', 'tun-client'])
      expect(device).to.contain('mtu 1280').and.to.contain('qlen 10000')
      expect(device).to.contain('fd00:2021:1111::7/128').and.not.to.contain('fe80')
      expect(device).not.to.contain('fd00:2021:1111::6')
      for (const each of [part, echo]) {
        each.kill('SIGKILL')
        await each.ended
      }
    })

    it('T10 a client’s network is configured on a host without IPv6', async () => {
      const client = await Namespace.create(run, 'client4')
      await client.mustRun('sysctl', [
        '-qw',
        'net.ipv6.conf.all.disable_ipv6=1',
        'net.ipv6.conf.default.disable_ipv6=1',
      ])
      // A file system over IPv6's switches stands for a kernel without it.
      const { stdout } = await client.mustRun('unshare', [
        '-m',
        'sh',
        '-c',
        'mount -t tmpfs none /proc/sys/net/ipv6 && exec "$0" "$1" ipv4-only',
        process.execPath,
        CLIENT,
      ])
      expect(JSON.parse(stdout)).to.deep.equal({ result: { addresses: ['100.64.0.7'] } })
    })
  })
})
