import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'chai'
import { decode, encode, type RecordType } from 'dns-packet'
import { after, before, describe, it } from 'mocha'
import { SiteResolver, type SiteResolverInput, type SiteResolverOutput } from '../../core/dns/site-resolver.ts'
import { StubResolver, type StubResolverInput, type StubResolverOutput } from '../../core/dns/stub-resolver.ts'
import { splitEndpoint } from '../../core/runtime/endpoint.ts'
import { drive } from '../../core/runtime/drive.ts'
import { createClock, createDnsExchange, createRandom } from '../../hosts/runtime/index.ts'
import { SystemResolver } from '../../plugins/resolver-system/system-resolver.ts'
import type { Settings } from '../../plugins/resolver-udp/settings.ts'
import { UdpResolver } from '../../plugins/resolver-udp/udp-resolver.ts'
import { DnsServer } from '../kit/dns-server.ts'

describe('resolvers and a real dnsmasq', () => {
  let dnsmasq: Dnsmasq
  const clock = createClock()
  const exchange = createDnsExchange()

  before(async function () {
    if (spawnSync('dnsmasq', ['--version']).status !== 0) {
      if (process.env['CI'] === 'true') throw new Error('cannot be skipped in CI: needs dnsmasq (Debian: dnsmasq-base)')
      process.stderr.write('skipped: needs dnsmasq (Debian: dnsmasq-base)\n')
      this.skip()
    }
    dnsmasq = await Dnsmasq.start()
  })
  after(async () => {
    await dnsmasq?.stop()
  })

  it("D2 D6 D12 the client's resolver answers strangers' names as the upstream does, the first of them being dead", async () => {
    const closed = await DnsServer.start(() => [])
    await closed.stop()
    const answers = new Map<number, (message: Uint8Array) => void>()
    const machine = new StubResolver<number>()
    const plugin = new UdpResolver({ exchange })
    const driven = drive<StubResolverInput<number>, StubResolverOutput<number>>(machine, {
      clock,
      perform: (output) => {
        if (output.type === 'answer') answers.get(output.query)?.(output.message)
        if (output.type !== 'askUpstream') return
        const { ask, upstream, message, protocol } = output
        const settings = upstream.settings as Settings
        void plugin
          .resolve({ settings, message, protocol, signal: AbortSignal.timeout(60_000) })
          .then((verdict) => driven.dispatch({ type: 'upstreamAnswered', ask, verdict }))
      },
    })
    const upstreams = [closed.endpoint, dnsmasq.endpoint].map((at) => ({
      kind: 'udp',
      settings: splitEndpoint(at),
      name: at,
    }))
    driven.dispatch({ type: 'upstreamsChanged', upstreams })
    driven.dispatch({ type: 'resourcesChanged', resources: [{ id: 'git', address: 'gitlab.example.org' }] })
    let query = 0
    const ask = async (name: string, type: RecordType, protocol: 'udp' | 'tcp' = 'udp') => {
      const message = encode({ type: 'query', id: 100 + ++query, flags: 0x100, questions: [{ name, type }] })
      const answered = new Promise<Uint8Array>((resolve) => answers.set(query, resolve))
      driven.dispatch({ type: 'queryReceived', query, sentinel: '100.100.111.1', message, protocol })
      return decode(Buffer.from(await answered)) as ReturnType<typeof decode> & { rcode: string; flag_tc: boolean }
    }
    const dataOf = ({ answers: records = [] }: ReturnType<typeof decode>) =>
      records.map((record) => ('data' in record ? record.data : undefined))

    expect(dataOf(await ask('www.example.com', 'A'))).to.deep.equal(['192.0.2.7'])
    expect(dataOf(await ask('www.example.com', 'AAAA'))).to.deep.equal(['2001:db8::7'])
    expect(await ask('gone.example.com', 'A')).to.deep.include({ rcode: 'NXDOMAIN' })
    expect(dataOf(await ask('gitlab.example.org', 'A'))).to.include('100.96.0.1')
    expect(await ask('long.example.com', 'TXT')).to.deep.include({ rcode: 'NOERROR', flag_tc: true })
    const whole = await ask('long.example.com', 'TXT', 'tcp')
    expect(whole.flag_tc).to.equal(false)
    expect(JSON.stringify(dataOf(whole)).length).to.be.above(1_212)
    driven.stop()
  })

  it('D10 D11 the gateway resolves names at its site, aliases and missing families included', async () => {
    const found = new Map<number, (addresses: { ipv4: readonly string[]; ipv6: readonly string[] }) => void>()
    const plugin = new SystemResolver({ exchange, system: { servers: () => [dnsmasq.endpoint] }, clock })
    const driven = drive<SiteResolverInput, SiteResolverOutput>(new SiteResolver({ random: createRandom() }), {
      clock,
      perform: (output) => {
        if (output.type === 'resolved') found.get(output.lookup)?.({ ipv4: output.ipv4, ipv6: output.ipv6 })
        if (output.type !== 'askSystem') return
        const { ask, message } = output
        void plugin
          .resolve({ settings: {}, message, protocol: 'udp', signal: AbortSignal.timeout(60_000) })
          .then((verdict) => {
            if (verdict.type === 'notMine') throw new Error('a name that is nobody’s')
            driven.dispatch({ type: 'systemAnswered', ask, verdict })
          })
      },
    })
    let lookup = 0
    const look = (domain: string) =>
      new Promise((resolve) => {
        found.set(++lookup, resolve)
        driven.dispatch({ type: 'lookupRequested', lookup, domain })
      })
    expect(await look('www.example.com')).to.deep.equal({ ipv4: ['192.0.2.7'], ipv6: ['2001:db8::7'] })
    expect(await look('alias.example.com')).to.deep.equal({ ipv4: ['192.0.2.7'], ipv6: ['2001:db8::7'] })
    expect(await look('four.example.com')).to.deep.equal({ ipv4: ['10.0.0.4'], ipv6: [] })
    expect(await look('gone.example.com')).to.deep.equal({ ipv4: [], ipv6: [] })
    expect(await look('trap.example.com')).to.deep.equal({ ipv4: [], ipv6: [] })
    driven.stop()
  })
})

/** Debian's dnsmasq on loopback, in front of nothing. */
class Dnsmasq {
  readonly endpoint
  readonly #process: ChildProcess

  static async start(): Promise<Dnsmasq> {
    // A port that is free for both protocols right now.
    const probe = await DnsServer.start(() => [])
    await probe.stop()
    const port = probe.endpoint.split(':')[1] ?? ''
    const child = spawn('dnsmasq', [...FLAGS, `--port=${port}`], { stdio: ['ignore', 'ignore', 'pipe'] })
    const started = new Promise<void>((resolve, reject) => {
      let log = ''
      child.stderr?.on('data', (text: Buffer) => {
        log += text.toString()
        if (/started, version/.test(log)) resolve()
      })
      child.once('exit', (code) => reject(new Error(`dnsmasq ended with ${code}: ${log}`)))
    })
    await started
    return new Dnsmasq(child, probe.endpoint)
  }

  private constructor(child: ChildProcess, endpoint: DnsServer['endpoint']) {
    this.#process = child
    this.endpoint = endpoint
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.kill()
    await ended
  }
}

const FLAGS: readonly string[] = [
  '--keep-in-foreground',
  '--conf-file=/dev/null',
  '--pid-file=',
  '--user=root',
  '--no-resolv',
  '--no-hosts',
  '--log-facility=-',
  '--listen-address=127.0.0.1',
  '--bind-interfaces',
  '--local=/#/',
  '--host-record=www.example.com,192.0.2.7,2001:db8::7',
  '--cname=alias.example.com,www.example.com',
  '--host-record=four.example.com,10.0.0.4',
  '--host-record=trap.example.com,127.0.0.1,::1',
  ...Array.from({ length: 10 }, (_, i) => `--txt-record=long.example.com,${String(i).repeat(200)}`),
]
