import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import type { HostProblem } from '../../../core/runtime/host-problems.ts'
import { OWN_SOCKET_MARK } from '../../../core/runtime/network-configuration.ts'
import { eventually } from '../../../hosts/lab/eventually.ts'
import type { Namespace } from '../../../hosts/lab/namespace.ts'
import type { Part } from '../../../hosts/lab/part.ts'
import { portreeve } from '../../../hosts/lab/program.ts'
import { RunDirectory } from '../../../hosts/lab/run-directory.ts'
import { needsKernel } from '../../kit/needs-kernel.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'
import { threeMachines, type ThreeMachines } from './three-machines.ts'

const PROGRAM = fileURLToPath(new URL('kept-network.js', import.meta.url))
const SERVER = { ipv4: '198.51.100.2', ipv6: '2001:db8:1::2' } as const
const FAMILIES = ['ipv4', 'ipv6'] as const
/** Routing tables of a client. */
const TABLES = [0x2021fd00, 0x2021fd01, 0x2021fd02, 0x2021fd03].map(String)
/** Script of nft for rules as `iptables -P FORWARD DROP` and a container runtime make them. */
const IPTABLES = (family: string): string => `table ${family} filter {
  chain DOCKER-USER { return; }
  chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; iifname "docker0" drop; }
}
`

/** Commands of the older iptables. */
const LEGACY = ['iptables-legacy', 'ip6tables-legacy'] as const

/** Statements M1 to M4 and M7: what others do to a machine while a gateway or a client runs on it. */
describe('a machine that belongs to others, too', function () {
  this.timeout(240_000)
  needsKernel()
  let run: RunDirectory
  let machines: ThreeMachines
  let gateway: Namespace

  before(async () => {
    run = await RunDirectory.open()
    machines = await threeMachines(run)
    gateway = machines.gateway
  })
  after(async () => {
    await run?.close()
  })

  const start = async (role: 'gateway' | 'client', ...prefixes: string[]): Promise<Part> => {
    const part = gateway.spawn(process.execPath, [PROGRAM, role, join(run.path, role), ...prefixes], { name: role })
    await part.line((line) => line === 'ready')
    return part
  }
  const end = async (part: Part, signal: NodeJS.Signals = 'SIGUSR2'): Promise<void> => {
    part.kill(signal)
    await part.ended
  }

  const probes = new Map<Part, number>()
  /** Sends a probe of both families through a gateway, and returns which of them were answered. */
  const probe = async (part: Part): Promise<string> => {
    const number = (probes.get(part) ?? 0) + 1
    probes.set(part, number)
    part.kill('SIGUSR1')
    return (await part.line((line) => line.startsWith(`probe ${number}:`))).replace(/^.*: /, '')
  }
  const passes = (part: Part): Promise<unknown> =>
    until('packets of clients pass', async () => (await probe(part)) === 'ipv4 ipv6')
  const until = (what: string, holds: () => Promise<boolean>): Promise<unknown> =>
    eventually(async () => ((await holds()) ? true : undefined), { what, timeoutMs: PATIENCE_MS })

  /** Problems that a part has now. */
  const problemsOf = (part: Part): HostProblem[] => {
    const line = part.output.split('\n').findLast((each) => each.startsWith('problems '))
    return JSON.parse((line ?? 'problems []').slice('problems '.length)) as HostProblem[]
  }
  const nft = async (...args: string[]): Promise<string> => {
    const input = args[0] === '-f' ? args.pop() : undefined
    return (await gateway.mustRun('nft', args, input === undefined ? {} : { input })).stdout
  }
  const sysctl = (name: string, value: string): Promise<unknown> =>
    gateway.mustRun('sysctl', ['-qw', `${name}=${value}`])
  /** Whether this machine has the older iptables, and its kernel the table filter. */
  const hasLegacy = async (): Promise<boolean> =>
    (await gateway.run('sh', ['-c', LEGACY.map((each) => `${each} -S`).join(' && ')])).code === 0
  const isClosed = async (): Promise<void> => {
    for (const family of FAMILIES) {
      const { code } = await machines.outsider.run('ping', ['-c', '1', '-W', '0.3', SERVER[family]])
      expect(code, `an outsider reaches the site by ${family}`).not.to.equal(0)
    }
  }

  describe('while a gateway runs', () => {
    let part: Part
    before(async () => {
      part = await start('gateway')
      await passes(part)
    })
    after(async () => {
      if (part.isRunning) await end(part)
    })

    it('M3 a foreign `nft flush ruleset` opens the site to nobody at any moment, and packets of clients pass again', async () => {
      const knocking = FAMILIES.map((family) =>
        machines.outsider.run('ping', ['-i', '0.005', '-c', '200', '-W', '0.3', SERVER[family]]),
      )
      await nft('flush', 'ruleset')
      await until('the tables are back', async () => (await nft('list', 'tables')).match(/portreeve/g)?.length === 2)
      await passes(part)
      for (const { stdout } of await Promise.all(knocking)) expect(stdout).to.contain(' 0 received')
      await until('no problem is left', async () => problemsOf(part).length === 0)
    })

    it('M1 where iptables drops what nothing accepts, packets of clients are accepted at the end of its chain, and again once that is flushed', async () => {
      for (const family of ['ip', 'ip6']) await nft('-f', '-', IPTABLES(family))
      await passes(part)
      for (const family of ['ip', 'ip6']) {
        const listed = (await nft('list', 'chain', family, 'filter', 'FORWARD')).split('\n').slice(3, -3)
        expect(
          listed.map((rule) =>
            rule
              .trim()
              .replace(/ counter.*(accept)/, ' $1')
              .replace(/ comment.*/, ''),
          ),
        ).to.deep.equal([
          'jump DOCKER-USER',
          'iifname "docker0" drop',
          'iifname "tun-gateway" accept',
          'oifname "tun-gateway" accept',
        ])
        await nft('flush', 'chain', family, 'filter', 'FORWARD')
      }
      await passes(part)
      expect(problemsOf(part)).to.deep.equal([])
      for (const family of ['ip', 'ip6']) await nft('delete', 'table', family, 'filter')
    })

    it('M1 where the older iptables drops what nothing accepts, packets of clients are accepted at the end of its chain, and again once that is flushed', async function () {
      if (!(await hasLegacy())) this.skip()
      for (const program of LEGACY) {
        await gateway.mustRun(program, ['-A', 'FORWARD', '-i', 'docker0', '-j', 'DROP'])
        await gateway.mustRun(program, ['-P', 'FORWARD', 'DROP'])
      }
      await passes(part)
      for (const program of LEGACY) {
        const { stdout } = await gateway.mustRun(program, ['-S', 'FORWARD'])
        expect(stdout.trim().split('\n')).to.deep.equal([
          '-P FORWARD DROP',
          '-A FORWARD -i docker0 -j DROP',
          '-A FORWARD -i tun-gateway -m comment --comment "portreeve gateway" -j ACCEPT',
          '-A FORWARD -o tun-gateway -m comment --comment "portreeve gateway" -j ACCEPT',
        ])
        await gateway.mustRun(program, ['-F', 'FORWARD'])
        await gateway.mustRun(program, ['-A', 'FORWARD', '-j', 'REJECT'])
      }
      await passes(part)
      expect(problemsOf(part)).to.deep.equal([])
      for (const program of LEGACY) {
        await gateway.mustRun(program, ['-F', 'FORWARD'])
        await gateway.mustRun(program, ['-P', 'FORWARD', 'ACCEPT'])
      }
    })

    it('M4 another firewall that drops packets of clients is a problem, and the lines of its remedy solve it', async () => {
      await nft(
        '-f',
        '-',
        'table inet filter { chain forward { type filter hook forward priority filter; policy drop; }; }',
      )
      await until('the problem is there', async () => problemsOf(part).length > 0)
      const [problem] = problemsOf(part)
      expect(problem).to.include({ code: 'forward_drop', blocks: true })
      expect(await probe(part)).to.equal('nothing')
      for (const [, line = ''] of problem?.remedy.matchAll(/`(nft [^`]*)`/g) ?? [])
        await gateway.mustRun('sh', ['-c', line])
      await passes(part)
      await until('the problem is over', async () => problemsOf(part).length === 0)
      await nft('delete', 'table', 'inet', 'filter')
    })

    it('M1 forwarding that somebody switches off, as `sysctl --system` does, is on again; so are addresses, routes and rules', async () => {
      for (const undo of [
        () => sysctl('net.ipv4.ip_forward', '0'),
        () => sysctl('net.ipv6.conf.all.forwarding', '0'),
        () => sysctl('net.ipv4.conf.tun-gateway.forwarding', '0'),
        () => gateway.ip(['-4', 'rule', 'del', 'priority', '100']),
        () => gateway.ip(['-6', 'route', 'flush', 'table', String(0x2021fd00)]),
        () => gateway.ip(['link', 'set', 'tun-gateway', 'down']),
        () => nft('delete', 'chain', 'inet', 'portreeve', 'postrouting'),
      ]) {
        await undo()
        await passes(part)
      }
      await isClosed()
      await until('no problem is left', async () => problemsOf(part).length === 0)
    })

    it('M6 a gateway whose account gets other address ranges has addresses there, forwards from there alone, and goes back', async () => {
      const addresses = () => gateway.ip(['-br', 'address', 'show', 'dev', 'tun-gateway'])
      const before = await addresses()
      part.kill('SIGHUP')
      await part.line((line) => line.startsWith('moved to 10.200.'))
      expect(await addresses())
        .to.contain('10.200.0.1/32')
        .and.contain('fd12:3456:789a::1/128')
        .and.not.contain('100.64')
      const rules = await nft('list', 'table', 'inet', 'portreeve')
      expect(rules).to.contain('ip saddr 10.200.0.0/16').and.not.contain('100.64.')
      await passes(part)
      await isClosed()
      part.kill('SIGHUP')
      await part.line((line) => line.startsWith('moved to 100.64.'))
      expect(await addresses()).to.equal(before)
      await passes(part)
    })

    it('M2 a gateway’s rules in iptables and in the older iptables are gone after a stop, also those of a run that was killed, and rules of others stay', async () => {
      const legacy = (await hasLegacy()) ? LEGACY : []
      const commands = [
        ...['ip', 'ip6'].map((family) => ['nft', 'list', 'chain', family, 'filter', 'FORWARD'] as const),
        ...legacy.map((program) => [program, '-S'] as const),
      ]
      const listings = (): Promise<string[]> =>
        Promise.all(commands.map(async ([program, ...args]) => (await gateway.mustRun(program, args)).stdout))
      for (const family of ['ip', 'ip6']) await nft('-f', '-', IPTABLES(family))
      for (const program of legacy) {
        await gateway.mustRun(program, ['-A', 'FORWARD', '-i', 'docker0', '-j', 'DROP'])
        await gateway.mustRun(program, ['-P', 'FORWARD', 'DROP'])
      }
      // The gateway that runs may have placed its rules already.
      const asBefore = (await listings()).map((listing) =>
        listing
          .split('\n')
          .filter((line) => !line.includes('portreeve gateway'))
          .join('\n'),
      )
      await passes(part)
      await end(part, 'SIGKILL')
      part = await start('gateway')
      await passes(part)
      for (const listing of await listings()) expect(listing.match(/"portreeve gateway"/g)).to.have.length(2)
      await end(part)
      expect(await listings()).to.deep.equal(asBefore)
      for (const family of ['ip', 'ip6']) await nft('delete', 'table', family, 'filter')
      for (const program of legacy) {
        await gateway.mustRun(program, ['-F', 'FORWARD'])
        await gateway.mustRun(program, ['-P', 'FORWARD', 'ACCEPT'])
      }
    })
  })

  describe('while another gateway runs', () => {
    let part: Part
    before(async () => {
      part = await start('gateway')
      await passes(part)
    })
    after(async () => {
      await end(part)
    })

    it('M1 addresses that somebody flushes, IPv6 that is switched off for the device, all rules and tables of ours are back in seconds', async () => {
      const state = async (): Promise<string> => {
        const texts = [await gateway.ip(['-br', 'address', 'show', 'dev', 'tun-gateway'])]
        for (const table of ['portreeve', 'portreeve-guard']) {
          const { stdout } = await gateway.run('nft', ['list', 'table', 'inet', table])
          texts.push(stdout.replaceAll(/packets \d+ bytes \d+/g, ''))
        }
        for (const family of ['-4', '-6']) texts.push(await gateway.ip([family, 'rule']))
        return texts.join('---\n')
      }
      const inForce = await state()
      for (const undo of [
        () => gateway.ip(['address', 'flush', 'dev', 'tun-gateway']),
        () => sysctl('net.ipv6.conf.tun-gateway.disable_ipv6', '1'),
        () => nft('delete', 'table', 'inet', 'portreeve-guard'),
        () => nft('flush', 'table', 'inet', 'portreeve'),
      ]) {
        await undo()
        await until('all is as it was', async () => (await state()) === inForce)
      }
      await passes(part)
      await isClosed()
    })
  })

  describe('while a client runs that has the Internet resource', () => {
    const FAR = { ipv4: '192.0.2.77', ipv6: '2001:db8:77::77' } as const
    const OWN = { ipv4: '203.0.113.1', ipv6: '2001:db8:2::1' } as const
    let asBefore: string
    let part: Part
    before(async () => {
      const { outsider } = machines
      for (const address of [`${FAR.ipv4}/32`, `${FAR.ipv6}/128`]) await outsider.address('lo', address)
      await gateway.route({ to: 'default', via: '203.0.113.2' })
      await gateway.route({ to: 'default', via: '2001:db8:2::2' })
      for (const device of ['all', 'eth1']) await sysctl(`net.ipv4.conf.${device}.rp_filter`, '1')
      asBefore = await routing()
      // The address from which somebody connects to this machine is in a resource, too.
      part = await start('client', '192.0.2.0/24', '2001:db8:77::/64', '0.0.0.0/0', '::/0')
    })
    after(async () => {
      await end(part)
    })

    /** Rules and routes of both families, without what the kernel counts. */
    const routing = async (): Promise<string> => {
      const texts = []
      for (const family of ['-4', '-6']) {
        texts.push(await gateway.ip([family, 'rule']))
        for (const table of ['main', ...TABLES]) {
          texts.push((await gateway.run('ip', [family, 'route', 'show', 'table', table])).stdout)
        }
      }
      // Rules of one priority are in the order in which they were made.
      return texts.map((text) => text.split('\n').toSorted().join('\n')).join('---\n')
    }

    for (const family of FAMILIES) {
      it(`M7 connections that others have to the machine by ${family} go on, and the client’s own, with a strict filter of paths`, async () => {
        const { outsider } = machines
        const theirs = await outsider.run('ping', ['-c', '1', '-W', '2', '-I', FAR[family], OWN[family]])
        expect(theirs.stdout).to.contain(' 1 received')
        const own = await gateway.run('ping', ['-c', '1', '-W', '2', '-m', String(OWN_SOCKET_MARK), FAR[family]])
        expect(own.stdout).to.contain(' 1 received')
        const unmarked = await gateway.run('ping', ['-c', '1', '-W', '0.2', FAR[family]])
        expect(unmarked.stdout, 'others use the tunnel').to.contain(' 0 received')
      })
    }

    it('M7 a connection that is idle ends at once when its route into the tunnel is withdrawn, or its address, and is counted', async () => {
      let changes = 1
      const change = async (signal: NodeJS.Signals): Promise<string> => {
        const number = ++changes
        part.kill(signal)
        return part.line((line) => line.startsWith(`routes ${number}:`))
      }
      for (const signal of ['SIGCONT', 'SIGHUP'] as const) {
        for (const far of ['198.18.0.7', '2001:db8:99::7']) {
          const idle = gateway.spawn('bash', ['-c', `exec 3<>/dev/tcp/${far}/80`], { name: 'idle' })
          const isOpen = async () =>
            (await gateway.run('ss', ['-Htn', 'dst', far.includes(':') ? `[${far}]` : far])).stdout.includes('SYN-SENT')
          await until('the connection is there', isOpen)
          expect(await change(signal)).to.match(/: ended 1$/)
          await idle.ended
          expect(idle.output).to.contain('abort')
          expect(await change(signal)).to.match(/: ended 0$/)
        }
      }
    })

    it('M1 rules and routes that somebody removes, as systemd-networkd does, are back in seconds, and a stop removes all of them', async () => {
      const inForce = await routing()
      for (const family of ['-4', '-6']) {
        for (const undo of [
          ...['90', '100', '200', '300', '310'].map((priority) => ['rule', 'del', 'priority', priority]),
          ...TABLES.map((table) => ['route', 'flush', 'table', table]),
        ]) {
          await gateway.ip([family, ...undo])
        }
      }
      await until('rules and routes are back', async () => (await routing()) === inForce)
      await gateway.ip(['link', 'set', 'tun-client', 'down'])
      await until('device, rules and routes are back', async () => (await routing()) === inForce)
      await until('no problem is left', async () => problemsOf(part).length === 0)
      await end(part)
      expect(await routing()).to.equal(asBefore)
    })
  })

  it('M4 a gateway in a container that may not write /proc/sys has a problem only where its machine does not forward', async () => {
    const script = 'mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys && exec "$@"'
    for (const forwards of ['1', '0']) {
      await sysctl('net.ipv4.ip_forward', forwards)
      await sysctl('net.ipv6.conf.all.forwarding', forwards)
      const args = ['-m', 'sh', '-c', script, 'sh', process.execPath, PROGRAM, 'gateway', join(run.path, 'container')]
      const part = gateway.spawn('unshare', args, { name: 'container' })
      await part.line((line) => line === 'ready')
      if (forwards === '1') {
        expect(await probe(part)).to.equal('ipv4 ipv6')
        expect(problemsOf(part)).to.deep.equal([])
      } else {
        await until('the problems are there', async () => problemsOf(part).length === 2)
        const found = problemsOf(part).map(({ code, blocks }) => [code, blocks])
        expect(found).to.deep.equal([
          ['ipv4_forwarding_off', true],
          ['ipv6_forwarding_off', false],
        ])
      }
      await end(part)
    }
  })

  it('M4 `gateway check` and `client check` tell before a start what is in the way, with the lines that solve it, and change nothing', async () => {
    const check = async (role: string): Promise<{ code: number | null; stdout: string }> =>
      gateway.run(process.execPath, portreeve(role, 'check'))
    expect(await check('gateway')).to.deep.include({
      code: 0,
      stdout: 'Nothing on this machine is in the way of a gateway.\n',
    })
    await nft(
      '-f',
      '-',
      'table inet filter { chain forward { type filter hook forward priority filter; policy drop; }; }',
    )
    await gateway.address('eth1', '100.64.10.1/24')
    const before = await nft('list', 'ruleset')
    const found = await check('gateway')
    expect(found.code).to.equal(1)
    expect(found.stdout).to.contain('(network_overlap)').and.contain('100.64.10.0/24 on eth1')
    expect(found.stdout).to.contain('nft insert rule inet filter forward iifname tun-gateway accept')
    expect(await nft('list', 'ruleset')).to.equal(before)
    await gateway.ip(['address', 'add', '100.100.96.1/20', 'dev', 'eth1'])
    const { code, stdout } = await check('client')
    expect(code).to.equal(1)
    expect(stdout).to.contain('100.100.96.0/20 on eth1').and.not.to.contain('forward_drop')
    for (const address of ['100.64.10.1/24', '100.100.96.1/20'])
      await gateway.ip(['address', 'del', address, 'dev', 'eth1'])
    await nft('delete', 'table', 'inet', 'filter')
  })

  it('M3 a machine that was no router is closed after a flush and a stop, and after a flush, SIGKILL and the next start', async () => {
    const stopped = await start('gateway')
    stopped.kill('SIGSTOP') // so that it does not know of the flush when it ends
    await nft('flush', 'ruleset')
    stopped.kill('SIGUSR2')
    stopped.kill('SIGCONT')
    await stopped.ended
    await isClosed()
    const killed = await start('gateway')
    killed.kill('SIGSTOP')
    await nft('flush', 'ruleset')
    await end(killed, 'SIGKILL')
    await isClosed()
    await end(await start('gateway'))
    await isClosed()
    for (const name of ['net/ipv4/ip_forward', 'net/ipv4/conf/eth1/forwarding', 'net/ipv6/conf/all/forwarding'])
      expect((await gateway.mustRun('cat', [`/proc/sys/${name}`])).stdout, name).to.equal('0\n')
    expect(await nft('list', 'ruleset')).to.equal('')
    for (const family of ['-4', '-6'])
      expect(await gateway.ip([family, 'rule'])).not.to.match(/blackhole|proto 253|fwmark/)
  })
})
