import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { answerTo, parseQuery, RecordType } from '../../../../core/dns/message.ts'
import { MemoryTransport } from '../../../../plugins/transport-memory/memory-transport.ts'
import { ScriptedPortal } from '../../../kit/scripted-portal.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClient } from '../../../kit/virtual-client.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'
import { VirtualControlChannel } from '../../../kit/virtual-control-channel.ts'
import { VirtualGateway } from '../../../kit/virtual-gateway.ts'
import { VirtualNetwork } from '../../../kit/virtual-network.ts'
import { VirtualSite } from '../../../kit/virtual-site.ts'

const TEXT = Uint8Array.of(5, ...new TextEncoder().encode('hello'))

describe('SRV and TXT of resources, through the tunnel', () => {
  let clock: VirtualClock
  let network: VirtualNetwork
  let portal: ScriptedPortal
  let client: VirtualClient
  let gateway: VirtualGateway
  let site: VirtualSite

  beforeEach(() => {
    clock = new VirtualClock()
    network = new VirtualNetwork({ clock, random: new SeededRandom('network') })
    network.setEverywhere({ latencyMs: 5 })
    const channel = new VirtualControlChannel({ network, host: network.host('portal', ['192.0.2.1']) })
    portal = new ScriptedPortal()
    channel.serve(portal)
    portal.resources = [portal.dns(1, '**.example.org'), portal.dns(2, 'wiki.example.org')]
    site = new VirtualSite()
    site.name('half.example.org', ['10.0.0.5'])
    site.name('bad.example.org', ['127.0.0.1', '::1'])
    for (const name of ['wiki.example.org', 'other.example.org', 'secret.example.net']) {
      site.answers(name, (message) => {
        const verdict = parseQuery(message)
        if (verdict.type === 'refused') return message
        const { type } = verdict.query
        const data = type === RecordType.TXT ? TEXT : Uint8Array.of(0, 1, 0)
        return answerTo(verdict.query, { code: 0, records: { type, ttlSeconds: 60, data: [data] } })
      })
    }
    const transport = new MemoryTransport()
    const shared = { network, channel, transport, token: 'token' }
    gateway = new VirtualGateway({ ...shared, site, host: network.host('one', ['203.0.113.20']), name: 'one' })
    client = new VirtualClient({ ...shared, host: network.host('laptop', ['203.0.113.10']), name: 'laptop' })
    gateway.start()
    client.start()
    clock.advance(200)
  })

  const ids = () => portal.requests.map(({ resourceId }) => resourceId)

  it('D4 SRV and TXT queries wait for the authorization of the most specific resource, and are answered by the site', () => {
    const answer = client.ask('wiki.example.org', 'TXT')
    expect(answer?.code).to.equal(0)
    expect(answer?.records.map(({ data }) => [...data])).to.deep.equal([[...TEXT]])
    expect(ids()).to.deep.equal([portal.resources[1]?.id])
    expect(client.ask('wiki.example.org', 'TXT')?.records).to.have.length(1)
    expect(ids()).to.have.length(1)
  })

  it('D3 D4 SRV and TXT queries go to the site of the most specific resource, though a less specific one is in use', () => {
    const [all, wiki] = portal.resources.map(({ id }) => id)
    expect(client.ask('other.example.org', 'TXT')?.code).to.equal(0)
    expect(client.ask('wiki.example.org', 'TXT')?.code).to.equal(0)
    expect(ids()).to.deep.equal([all, wiki])
  })

  it('D4 SRV and TXT queries go to the most specific resource again, once it is not denied any more', () => {
    const [all, wiki] = portal.resources.map(({ id }) => id)
    portal.denied.set(wiki ?? '', 'forbidden')
    expect(client.ask('wiki.example.org', 'TXT')?.code).to.equal(0)
    portal.denied.clear()
    clock.advance(3_000)
    expect(client.ask('wiki.example.org', 'TXT')?.code).to.equal(0)
    clock.advance(1_000)
    expect(ids()).to.deep.equal([wiki, all, wiki])
    expect(client.state.resources.gatewayOf(wiki ?? '')).to.not.equal(undefined)
  })

  it('D4 SRV and TXT queries use a less specific resource where the first is denied, and end with SERVFAIL where all are', () => {
    const [all, wiki] = portal.resources.map(({ id }) => id)
    portal.denied.set(wiki ?? '', 'forbidden')
    expect(client.ask('wiki.example.org', 'TXT')?.records).to.have.length(1)
    expect(ids()).to.deep.equal([wiki, all])
    portal.denied.set(all ?? '', 'forbidden')
    portal.withdraw('laptop', all ?? '')
    clock.advance(3_000)
    const began = clock.now()
    expect(client.ask('other.example.org', 'SRV')).to.deep.include({ code: 2, records: [] })
    expect(clock.now() - began).to.be.below(1_000)
  })

  it('T11 SRV and TXT queries get SERVFAIL with its cause once it is known that there is no path, and the site’s answer once there is one', () => {
    const cut = (isCut: boolean): void =>
      network.setLink(client.host, gateway.host, isCut ? { cut: true } : { latencyMs: 5 })
    const timed = (name: string, type: 'SRV' | 'TXT' | number, patienceMs?: number) => {
      const began = clock.now()
      const answer = client.ask(name, type, patienceMs === undefined ? {} : { patienceMs })
      return { code: answer?.code, cause: answer && extendedError(answer.message), ms: clock.now() - began }
    }
    const noPath = { code: 2, cause: 22 }
    cut(true)
    // Nothing is known yet: the site may answer within 5 s.
    const first = timed('wiki.example.org', 'SRV')
    expect(first).to.deep.include(noPath)
    expect(first.ms).to.be.within(4_900, 5_100)
    clock.advance(4_000)
    // A path has been looked for during 9 s, and is given up after 12.
    const waiting = timed('wiki.example.org', 'TXT')
    expect(waiting).to.deep.include(noPath)
    expect(waiting.ms).to.be.within(2_500, 4_000)
    for (let times = 0; times < 20; times++) {
      for (const type of ['SRV', 'TXT', 15] as const) {
        const later = timed('wiki.example.org', type)
        expect(later).to.deep.include(noPath)
        expect(later.ms).to.be.below(50)
      }
      clock.advance(1_000)
    }
    cut(false)
    for (let times = 0; times < 20 && timed('wiki.example.org', 'TXT').code !== 0; times++) clock.advance(1_000)
    expect(timed('wiki.example.org', 'TXT')).to.deep.include({ code: 0, cause: undefined })
  })

  it('SRV and TXT queries are refused with their cause where all resources of the name are denied', () => {
    for (const { id } of portal.resources) portal.denied.set(id, 'forbidden')
    const answer = client.ask('wiki.example.org', 'TXT')
    expect(answer?.code).to.equal(2)
    expect(answer && extendedError(answer.message)).to.equal(18)
  })

  it('D15 queries of other types are answered by the site, and without it by nobody but an upstream', () => {
    expect(client.ask('wiki.example.org', 15)?.records).to.have.length(1)
    expect(ids()).to.deep.equal([portal.resources[1]?.id])
    portal.siteRecords = false
    expect(client.ask('other.example.org', 15)?.records).to.deep.equal([])
    expect(gateway.state.counters()['service']).to.not.have.property('site-type-refused')
  })

  it('the site’s findings are told by name: names that it does not have, and addresses that are refused', () => {
    client.ask('half.example.org', 'TXT')
    for (const name of ['half.example.org', 'bad.example.org', 'typo.example.org']) client.ask(name, 'A')
    clock.advance(1_000)
    const told = () => client.state.findings.status().map(({ name, ipv4, ipv6 }) => [name, ipv4, ipv6])
    expect(told()).to.deep.equal([
      ['bad.example.org', 'refused_address', 'refused_address'],
      ['typo.example.org', 'no_such_name', 'no_such_name'],
    ])
    const reported = portal.nameFindings.map(({ domain, ipv4, ipv6 }) => [domain, ipv4, ipv6])
    expect(reported).to.deep.equal(told())
    const why = client.state.findings.status().map((one) => one.why)
    expect(why[0]).to.match(/^bad\.example\.org: the site has an address that is never a server/)
    site.name('bad.example.org', ['10.0.0.6'])
    clock.advance(31_000)
    client.ask('bad.example.org', 'A')
    clock.advance(1_000)
    expect(told().map(([name]) => name)).to.deep.equal(['typo.example.org'])
    expect(portal.nameFindings.slice(2)).to.deep.equal([
      { resource_id: portal.resources[0]?.id, domain: 'bad.example.org', ipv4: 'found', ipv6: 'found' },
    ])
  })

  it('D13 a name below a wildcard is NXDOMAIN once the site has said so, and asked for anew after 30 s', () => {
    client.ask('half.example.org', 'TXT')
    expect(client.ask('typo.example.org', 'A')?.code).to.equal(0)
    clock.advance(100)
    expect(client.ask('typo.example.org', 'A')).to.deep.include({ code: 3, records: [] })
    expect(client.ask('typo.example.org', 'AAAA')?.code).to.equal(3)
    expect(client.ask('half.example.org', 'A')?.records).to.have.length(4)
    site.name('typo.example.org', ['10.0.0.7'])
    clock.advance(31_000)
    expect(client.ask('typo.example.org', 'A')?.records).to.have.length(4)
    clock.advance(1_000)
    expect(client.ask('typo.example.org', 'A')?.records).to.have.length(4)
  })

  it('D13 a name that a search list has made is NXDOMAIN in its first answer where the site does not have it, and captures nothing', () => {
    client.tell({ type: 'upstreamsFound', own: [], system: [], searchDomains: ['example.org'] })
    site.name('short.example.org', ['10.0.0.8'])
    for (const name of ['www.example.com.example.org', 'wpad.example.org']) {
      expect(client.ask(name, 'A')?.code, name).to.equal(3)
      expect(client.ask(name, 'AAAA')?.code, name).to.equal(3)
    }
    expect(client.ask('short.example.org', 'A')?.records).to.have.length(4)
    expect(ids(), 'one request for all').to.deep.equal([portal.resources[0]?.id])
  })

  it('D13 a name that a search list has made is not taken for a resource’s where access is denied, which is said at once', () => {
    client.tell({ type: 'upstreamsFound', own: [], system: [], searchDomains: ['example.org'] })
    portal.denied.set(portal.resources[0]?.id ?? '', 'forbidden')
    const began = clock.now()
    expect(client.ask('www.example.com.example.org', 'A')?.code).to.equal(2)
    expect(client.ask('www.example.net.example.org', 'A')?.code).to.equal(2)
    expect(clock.now() - began).to.be.below(1_000)
  })

  it('D13 a name that is a resource by itself keeps its addresses, whatever the site says', () => {
    client.ask('wiki.example.org', 'TXT')
    client.ask('wiki.example.org', 'A')
    clock.advance(1_000)
    expect(client.state.findings.status().map(({ name }) => name)).to.deep.equal(['wiki.example.org'])
    expect(client.ask('wiki.example.org', 'A')?.records).to.have.length(4)
  })

  it('P7 SRV and TXT of names without a grant are refused by the gateway, whatever the client believes', () => {
    expect(client.ask('wiki.example.org', 'TXT')?.code).to.equal(0)
    portal.resources = [...portal.resources, portal.dns(3, 'secret.example.net')]
    const resource = portal.resources.at(-1)
    if (resource === undefined) return expect.fail()
    // The client mistakes another resource's gateway for this one's.
    portal.tellClient('laptop', {
      event: 'resourceCreatedOrUpdated',
      payload: { ...resource, id: portal.resources[1]?.id ?? '' },
    })
    clock.advance(100)
    const answer = client.ask('secret.example.net', 'TXT')
    expect(answer?.records ?? []).to.deep.equal([])
    expect(gateway.state.counters()['service']).to.deep.include({ 'site-name-refused': 1 })
  })
})

/** INFO-CODE of an extended DNS error (RFC 8914 §2), which is the last option of an answer's last record. */
const extendedError = (message: Uint8Array): number | undefined => {
  const option = message.subarray(-6)
  return option[0] === 0 && option[1] === 15 && option[2] === 0 && option[3] === 2
    ? (option[4] ?? 0) * 256 + (option[5] ?? 0)
    : undefined
}
