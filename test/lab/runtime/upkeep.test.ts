import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import type { HostProblem } from '../../../core/runtime/host-problems.ts'
import { eventually } from '../../../hosts/lab/eventually.ts'
import type { Namespace } from '../../../hosts/lab/namespace.ts'
import type { Part } from '../../../hosts/lab/part.ts'
import { RunDirectory } from '../../../hosts/lab/run-directory.ts'
import { needsKernel } from '../../kit/needs-kernel.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'
import { threeMachines, type ThreeMachines } from './three-machines.ts'

const PROGRAM = fileURLToPath(new URL('kept-network.js', import.meta.url))
const SERVER = { ipv4: '198.51.100.2', ipv6: '2001:db8:1::2' } as const
const FAMILIES = ['ipv4', 'ipv6'] as const
/** Script of nft for rules as `iptables -P FORWARD DROP` and a container runtime make them. */
const IPTABLES = (family: string): string => `table ${family} filter {
  chain DOCKER-USER { return; }
  chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; iifname "docker0" drop; }
}
`

/** Statements M1 to M3: what others do to a machine while a gateway or a client runs on it. */
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
      await end(part)
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
