import { expect } from 'chai'
import { decode, encode, RECURSION_DESIRED, type RecordType } from 'dns-packet'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import type { UpstreamVerdict } from '../../../core/contract/upstream-resolver.ts'
import {
  answerTo,
  parseAnswer,
  parseQuery,
  RecordType as Types,
  ResponseCode,
  type DnsQuery,
} from '../../../core/dns/message.ts'
import { StubResolver, type StubResolverInput, type StubResolverOutput } from '../../../core/dns/stub-resolver.ts'
import type { Upstream } from '../../../core/dns/upstream-queries.ts'
import { writeName } from '../../../core/dns/wire-name.ts'
import { endpoint } from '../../../core/runtime/endpoint.ts'
import { drive } from '../../../core/runtime/drive.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

/** A server that a resolver plugin found. */
const upstream = (address: string, match?: string[]): Upstream => {
  const server = endpoint(address, 53)
  return { kind: 'udp', settings: {}, server, name: server, ...(match && { match }) }
}

describe('stub resolver', () => {
  it('D1 answers A and AAAA with 4 mapped addresses each, TTL 1, and the same ones later', () => {
    const world = new World()
    const a = world.ask('gitlab.example.org', 'A')
    expect(a.rcode).to.equal('NOERROR')
    expect(a.answers.map(({ name, ttl, data }) => [name, ttl, data])).to.deep.equal(
      ['100.96.0.1', '100.96.0.2', '100.96.0.3', '100.96.0.4'].map((address) => ['gitlab.example.org', 1, address]),
    )
    const aaaa = world.ask('gitlab.example.org', 'AAAA')
    expect(aaaa.answers.map(({ data }) => data)).to.deep.equal([1, 2, 3, 4].map((n) => `fd00:2021:1111:8000::${n}`))
    world.ask('jenkins.example.org', 'A')
    expect(world.ask('GitLab.EXAMPLE.org', 'A').answers.map(({ data }) => data)).to.deep.equal(
      a.answers.map(({ data }) => data),
    )
    expect(world.asks).to.deep.equal([])
  })

  it('D1 tells of the addresses before it answers with them, and of later queries', () => {
    const world = new World()
    world.ask('gitlab.example.org', 'A')
    world.ask('gitlab.example.org', 'AAAA')
    expect(world.others('mapName', 'refreshName', 'answer').map(({ type }) => type)).to.deep.equal([
      'mapName',
      'answer',
      'refreshName',
      'answer',
    ])
    const [mapped] = world.others('mapName')
    expect(mapped).to.deep.include({ domain: 'gitlab.example.org', resourceIds: ['git', 'all'] })
    expect(mapped).to.have.property('addresses').with.length(8)
  })

  it('D2 sends a name that matches nothing to an upstream, and passes its answer on unchanged', () => {
    const world = new World()
    const query = world.send('www.example.com', 'A')
    const [ask] = world.asks
    expect(ask).to.deep.include({ upstream: FIRST, protocol: 'udp' })
    expect(Buffer.from(ask?.message ?? [])).to.deep.equal(world.queryOf(query))
    const message = reply(ask?.message, ['192.0.2.7'])
    world.verdict(ask?.ask, { type: 'answered', message })
    expect(Buffer.from(world.answerOf(query) ?? [])).to.deep.equal(message)
  })

  it('D2 never passes on an address of the mapped range', () => {
    for (const [address, type] of [
      ['100.96.0.1', 'A'],
      ['100.100.111.1', 'A'],
      ['fd00:2021:1111:8000::1', 'AAAA'],
      ['::ffff:100.96.0.1', 'AAAA'],
      ['::ffff:100.100.111.1', 'AAAA'],
      ['::100.96.0.1', 'AAAA'],
      ['64:ff9b::100.96.0.1', 'AAAA'],
    ] as const) {
      const world = new World()
      const query = world.send('www.example.com', type)
      world.verdict(world.asks[0]?.ask, { type: 'answered', message: reply(world.asks[0]?.message, [address]) })
      expect(world.decoded(query)).to.deep.include({ rcode: 'SERVFAIL', answers: [] })
      expect(world.machine.counters()).to.have.property('upstream-answer-mapped-address', 1)
    }
  })

  it('D2 never passes on an HTTPS record that hints at an address of the mapped range, but passes on others', () => {
    for (const [hint, code] of [
      [[100, 96, 0, 1], 'SERVFAIL'],
      [[100, 96, 0], 'SERVFAIL'],
      [[192, 0, 2, 1], 'NOERROR'],
    ] as const) {
      const world = new World()
      const query = world.send('www.example.com', 'UNKNOWN_65' as 'A')
      const asked = parseQuery(world.asks[0]?.message ?? new Uint8Array())
      if (asked.type !== 'query') throw new Error(asked.reason)
      const data = [Uint8Array.of(0, 1, 0, 0, 4, 0, hint.length, ...hint)]
      const records = { type: Types.HTTPS, ttlSeconds: 60, data }
      const message = answerTo(asked.query, { code: ResponseCode.NOERROR, records })
      world.verdict(world.asks[0]?.ask, { type: 'answered', message })
      expect(world.decoded(query)).to.deep.include({ rcode: code })
    }
  })

  it('D2 begins with the upstream of the sentinel that was asked', () => {
    const world = new World()
    world.send('www.example.com', 'A', { sentinel: world.sentinels[1] ?? '' })
    expect(world.asks[0]?.upstream).to.equal(SECOND)
  })

  it("T8 finds a bypassing name by servers of its own, though it would be a resource's", () => {
    const world = new World({ bypassingNames: ['portal.example.org'] })
    const query = world.send('Portal.example.org', 'A', { sentinel: world.sentinels[1] ?? '' })
    expect(world.asks.map((ask) => ask.upstream)).to.deep.equal([BYPASSING])
    world.verdict(world.asks[0]?.ask, { type: 'answered', message: reply(world.asks[0]?.message, ['203.0.113.1']) })
    expect(world.decoded(query).answers.map(({ data }) => data)).to.deep.equal(['203.0.113.1'])
    expect(world.others('mapName')).to.deep.equal([])
    expect(world.machine.isResource('portal.example.org')).to.equal(false)
    expect(world.ask('www.example.org', 'A').answers, 'the pattern holds for all else').to.have.length(4)
    // A bypassing name without servers of its own goes to the upstreams of all other names.
    world.dispatch({ type: 'upstreamsChanged', upstreams: [FIRST, SECOND] })
    world.send('portal.example.org', 'AAAA')
    expect(world.asks.at(-1)?.upstream).to.equal(FIRST)
  })

  it('D3 gives a name to its resources, the most specific pattern first', () => {
    const world = new World({
      resources: [
        { id: 'deep', address: '**.example.org' },
        { id: 'one', address: '*.example.org' },
        { id: 'exact', address: 'A.example.org' },
        { id: 'letter', address: '?.example.org' },
        { id: 'no pattern', address: '..' },
      ],
    })
    world.ask('a.example.org', 'A')
    world.ask('a.b.example.org', 'A')
    world.ask('example.org', 'A')
    expect(world.others('mapName').map((output) => 'resourceIds' in output && output.resourceIds)).to.deep.equal([
      ['exact', 'letter', 'one', 'deep'],
      ['deep'],
      ['one', 'deep'],
    ])
    expect(world.machine.counters()).to.have.property('invalid-pattern', 1)
  })

  it('D4 answers HTTPS and every other type that has addresses with NOERROR and nothing, and asks nobody', () => {
    const world = new World()
    // HTTPS, SVCB, WKS, A6, APL, IPSECKEY, AMTRELAY
    for (const type of [65, 64, 11, 38, 42, 45, 260]) {
      expect(world.ask('gitlab.example.org', `UNKNOWN_${type}` as RecordType)).to.deep.include({
        rcode: 'NOERROR',
        answers: [],
      })
    }
    expect(world.asks).to.deep.equal([])
    expect(world.others('askSite')).to.deep.equal([])
  })

  it('D15 answers ANY of a resource with its mapped addresses, and refuses to transfer a zone', () => {
    const world = new World()
    const any = world.ask('gitlab.example.org', 'ANY' as RecordType)
    expect(any.answers.map(({ type, data }) => [type, data])).to.deep.equal(
      [1, 2, 3, 4].map((n) => ['A', `100.96.0.${n}`]),
    )
    for (const type of ['AXFR', 'IXFR', 'UNKNOWN_253', 'UNKNOWN_249'] as RecordType[]) {
      expect(world.ask('gitlab.example.org', type), type).to.deep.include({ rcode: 'REFUSED', answers: [] })
    }
    expect([...world.asks, ...world.others('askSite')]).to.deep.equal([])
  })

  it('D15 has every other type asked at the site, unknown ones too, and passes on no address that is added', () => {
    for (const type of [2, 5, 6, 15, 13, 17, 29, 35, 39, 43, 44, 52, 99, 256, 257, 65_280]) {
      const world = new World()
      const query = world.send('gitlab.example.org', `UNKNOWN_${type}` as RecordType)
      const site = world.siteAsk()
      expect(site).to.deep.include({ resourceIds: ['git', 'all'], recordType: type })
      const asked = parsed(site.message)
      const data = site.recordType === 6 ? soa() : siteData(type)
      const message = withAddress(answerTo(asked, { code: 0, records: { type, ttlSeconds: 60, data: [data] } }))
      world.dispatch({ type: 'siteAnswered', ask: site.ask, verdict: { type: 'answered', message } })
      expect(world.asks, `type ${type}`).to.deep.equal([])
      const answer = world.answerOf(query) ?? new Uint8Array()
      const read = parseAnswer(answer, asked)
      expect(read.type === 'answer' && read.answer.records.map((record) => record.type)).to.deep.equal([type])
      expect(Buffer.from(answer).includes(Buffer.from(REAL)), `type ${type}`).to.equal(false)
    }
  })

  it('D15 asks an upstream for what the site does not have, and gives its answer without addresses', () => {
    for (const code of [ResponseCode.NOERROR, ResponseCode.NXDOMAIN]) {
      const world = new World()
      const query = world.send('gitlab.example.org', 'MX')
      const site = world.siteAsk()
      const none = answerTo(parsed(site.message), { code })
      world.dispatch({ type: 'siteAnswered', ask: site.ask, verdict: { type: 'answered', message: none } })
      const [ask] = world.asks
      expect(ask).to.deep.include({ upstream: FIRST })
      const records = { type: 15, ttlSeconds: 60, data: [siteData(15)] }
      const message = withAddress(answerTo(parsed(ask?.message ?? new Uint8Array()), { code: 0, records }))
      world.verdict(ask?.ask, { type: 'answered', message })
      expect(world.decoded(query).answers).to.have.length(1)
      expect(Buffer.from(world.answerOf(query) ?? []).includes(Buffer.from(REAL))).to.equal(false)
    }
  })

  it('D15 says what the site said where an upstream has no such record either, or none answers', () => {
    const world = new World()
    const [nothing, silent] = [world.send('gitlab.example.org', 'MX'), world.send('gitlab.example.org', 'CAA')]
    for (const site of world.others('askSite')) {
      const none = answerTo(parsed(site.message), { code: ResponseCode.NOERROR })
      world.dispatch({ type: 'siteAnswered', ask: site.ask, verdict: { type: 'answered', message: none } })
    }
    const [ask] = world.asks
    const message = answerTo(parsed(ask?.message ?? new Uint8Array()), { code: ResponseCode.NXDOMAIN })
    world.verdict(ask?.ask, { type: 'answered', message })
    expect(world.decoded(nothing)).to.deep.include({ rcode: 'NOERROR', answers: [] })
    world.clock.advance(5_000)
    expect(world.decoded(silent)).to.deep.include({ rcode: 'NOERROR', answers: [] })
  })

  it('D15 asks an upstream at once where the gateway knows SRV and TXT only, and nobody where access was refused', () => {
    const world = new World()
    const verdict = (code: 'unsupported' | 'refused') => ({ type: 'failed', code, reason: 'a gateway' }) as const
    const old = world.send('gitlab.example.org', 'MX')
    world.dispatch({ type: 'siteAnswered', ask: world.siteAsk().ask, verdict: verdict('unsupported') })
    expect(world.asks).to.have.length(1)
    const message = answerTo(parsed(world.asks[0]?.message ?? new Uint8Array()), { code: ResponseCode.NXDOMAIN })
    world.verdict(world.asks[0]?.ask, { type: 'answered', message })
    expect(world.decoded(old)).to.deep.include({ rcode: 'NOERROR', answers: [] })
    const denied = world.send('gitlab.example.org', 'MX')
    world.dispatch({ type: 'siteAnswered', ask: world.siteAsk().ask, verdict: verdict('refused') })
    expect(world.decoded(denied).rcode).to.equal('SERVFAIL')
    expect(world.asks).to.have.length(1)
  })

  it('D4 asks nobody but the site for SRV and TXT, whatever it has', () => {
    const world = new World()
    for (const type of ['SRV', 'TXT'] as const) {
      const query = world.send('_ldap._tcp.gitlab.example.org', type)
      world.send('gitlab.example.org', type)
      const site = world.siteAsk()
      const none = answerTo(parsed(site.message), { code: ResponseCode.NXDOMAIN })
      world.dispatch({ type: 'siteAnswered', ask: site.ask, verdict: { type: 'answered', message: none } })
      expect(query).to.be.a('number')
    }
    expect(world.asks.map(({ message }) => parsed(message).name)).to.not.include('gitlab.example.org')
  })

  it('D4 answers PTR of a mapped address with the name, of an unused one with NXDOMAIN, and asks nobody', () => {
    const world = new World()
    world.ask('gitlab.example.org', 'A')
    const reverse6 = `4${'.0'.repeat(15)}.0.0.0.8.1.1.1.1.1.2.0.2.0.0.d.f.ip6.arpa`
    for (const name of ['3.0.96.100.in-addr.arpa', reverse6]) {
      const answer = world.ask(name, 'PTR')
      expect(answer.answers.map(({ type, data }) => [type, data])).to.deep.equal([['PTR', 'gitlab.example.org']])
    }
    for (const name of ['5.0.96.100.in-addr.arpa', '0.0.96.100.in-addr.arpa', '1.111.100.100.in-addr.arpa']) {
      expect(world.ask(name, 'PTR').rcode).to.equal('NXDOMAIN')
    }
    expect(world.asks).to.deep.equal([])
    world.send('1.2.0.192.in-addr.arpa', 'PTR')
    expect(world.asks).to.have.length(1)
  })

  it('D4 has SRV and TXT of a resource asked at its site, and of all else upstream', () => {
    const world = new World()
    const query = world.send('gitlab.example.org', 'TXT')
    world.send('_ldap._tcp.example.com', 'SRV')
    const [site] = world.others('askSite')
    expect(site).to.deep.include({ resourceIds: ['git', 'all'], protocol: 'udp' })
    expect(world.asks).to.have.length(1)
    const ask = site?.type === 'askSite' ? site : expect.fail()
    const records = { type: 16, ttlSeconds: 60, data: [Uint8Array.of(2, 0x68, 0x69)] }
    const message = answerTo(parsed(ask.message), { code: 0, records })
    world.dispatch({ type: 'siteAnswered', ask: ask.ask, verdict: { type: 'answered', message } })
    expect(world.answerOf(query)).to.deep.equal(message)
  })

  it('D4 answers SERVFAIL where the site says nothing in 5 s, refuses, or answers something else', () => {
    const world = new World()
    const silent = world.send('gitlab.example.org', 'TXT')
    world.clock.advance(4_999)
    expect(world.answerOf(silent)).to.equal(undefined)
    world.clock.advance(1)
    expect(world.others('cancelSiteAsk')).to.have.length(1)
    const failed = world.send('gitlab.example.org', 'SRV')
    const foreign = world.send('gitlab.example.org', 'SRV')
    const [, first, second] = world.others('askSite')
    const verdict = { type: 'failed', code: 'refused', reason: 'not authorized' } as const
    world.dispatch({ type: 'siteAnswered', ask: first?.ask ?? 0, verdict })
    const message = answerTo({ ...parsed(second?.message ?? new Uint8Array()), id: 1 }, { code: 0 })
    world.dispatch({ type: 'siteAnswered', ask: second?.ask ?? 0, verdict: { type: 'answered', message } })
    for (const query of [silent, failed, foreign]) {
      expect((world.answerOf(query)?.[3] ?? 0) & 0xf, `query ${query}`).to.equal(2)
    }
    expect(world.machine.counters()).to.include({ 'site-timed-out': 1, 'site-refused': 1, 'site-answer-wrong-id': 1 })
  })

  it('D4 answers NXDOMAIN for use-application-dns.net', () => {
    const world = new World()
    expect(world.ask('use-application-dns.net', 'A').rcode).to.equal('NXDOMAIN')
    expect(world.asks).to.deep.equal([])
  })

  it('D5 answers AAAA of an IPv4-only resource with NOERROR and nothing, and the other way round', () => {
    const world = new World({
      resources: [
        { id: 'four', address: 'four.example.org', ipStack: 'ipv4_only' },
        { id: 'six', address: 'six.example.org', ipStack: 'ipv6_only' },
      ],
    })
    expect(world.families('four.example.org')).to.deep.equal([4, 0])
    expect(world.families('six.example.org')).to.deep.equal([0, 4])
  })

  it('D3 D5 has the families of the most specific resource, whatever less specific ones have', () => {
    const world = new World({
      resources: [
        { id: 'four', address: 'four.example.org', ipStack: 'ipv4_only' },
        { id: 'both', address: 'both.example.org' },
        { id: 'star', address: '*.example.org', ipStack: 'ipv6_only' },
        { id: 'deep', address: '**.example.org' },
      ],
    })
    expect(world.families('four.example.org')).to.deep.equal([4, 0])
    expect(world.families('both.example.org')).to.deep.equal([4, 4])
    expect(world.families('any.example.org')).to.deep.equal([0, 4])
    expect(world.families('a.b.example.org')).to.deep.equal([4, 4])
    world.dispatch({ type: 'resourcesChanged', resources: [{ id: 'deep', address: '**.example.org' }] })
    expect(world.families('four.example.org'), 'once the most specific one is gone').to.deep.equal([4, 4])
  })

  it('D13 answers NXDOMAIN once all the sites that a name may belong to have said that they do not have it', () => {
    const world = new World({
      resources: [
        { id: 'star', address: '*.example.org' },
        { id: 'deep', address: '**.example.org' },
        { id: 'one', address: 'git.example.org' },
      ],
    })
    const missing = (resourceId: string, domain: string): void =>
      world.dispatch({
        type: 'nameResolved',
        resourceId,
        domain,
        found: { ipv4: 'no_such_name', ipv6: 'no_such_name' },
      })
    missing('star', 'typo.example.org')
    expect(world.ask('typo.example.org', 'A').rcode, 'another site may have it').to.equal('NOERROR')
    missing('deep', 'typo.example.org')
    expect(world.ask('typo.example.org', 'A').rcode).to.equal('NXDOMAIN')
    for (const id of ['star', 'deep', 'one']) missing(id, 'git.example.org')
    expect(world.ask('git.example.org', 'A').rcode, 'a resource by itself is there').to.equal('NOERROR')
    world.clock.advance(31_000)
    expect(world.ask('typo.example.org', 'A').rcode, 'it is asked for anew').to.equal('NOERROR')
  })

  describe('D13 names that a search list may have made', () => {
    const among = (...addresses: string[]) => {
      const resources = addresses.map((address, at) => ({ id: `r${at}`, address }))
      const world = new World({ resources })
      world.dispatch({ type: 'searchDomainsChanged', domains: ['corp.example.org'] })
      const say = (domain: string, finding: 'found' | 'no_such_name' | 'servfail', resourceId = 'r0'): void => {
        const found = finding === 'found' ? undefined : { ipv4: finding, ipv6: finding }
        world.dispatch({ type: 'nameResolved', resourceId, domain, found })
      }
      const answer = (query: number) => (world.answerOf(query) === undefined ? undefined : world.decoded(query).rcode)
      return { world, say, answer }
    }

    it('D13 wait until the site has said whether it has them, and are asked of it once', () => {
      const { world, say, answer } = among('**.corp.example.org')
      const queries = (['A', 'AAAA'] as const).map((type) => world.send('www.example.com.corp.example.org', type))
      const short = world.send('wpad.corp.example.org', 'A')
      expect([...queries, short].map(answer)).to.deep.equal([undefined, undefined, undefined])
      expect(world.others('awaitName').map(({ domain }) => domain)).to.deep.equal([
        'www.example.com.corp.example.org',
        'wpad.corp.example.org',
      ])
      say('www.example.com.corp.example.org', 'no_such_name')
      expect([...queries, short].map(answer)).to.deep.equal(['NXDOMAIN', 'NXDOMAIN', undefined])
      say('wpad.corp.example.org', 'found')
      expect(world.decoded(short).answers).to.have.length(4)
      expect(world.ask('wpad.corp.example.org', 'A').answers, 'it is remembered').to.have.length(4)
      expect(world.ask('www.example.com.corp.example.org', 'A').rcode).to.equal('NXDOMAIN')
      world.clock.advance(31_000)
      expect(answer(world.send('www.example.com.corp.example.org', 'A')), 'it is asked for anew').to.equal(undefined)
    })

    it('D13 are answered without the site where it is not reached: with addresses if they have one label more, else with SERVFAIL', () => {
      const { world, answer } = among('**.corp.example.org')
      const names = ['www.example.com.corp.example.org', 'www.corp.example.org']
      const first = names.map((name) => world.send(name, 'A'))
      world.clock.advance(2_900)
      expect(first.map(answer), 'they wait').to.deep.equal([undefined, undefined])
      world.clock.advance(200)
      expect(first.map(answer)).to.deep.equal(['SERVFAIL', 'NOERROR'])
      const denied = names.map((name) => world.send(name, 'AAAA'))
      world.dispatch({ type: 'siteNotReached', resourceId: 'r0' })
      expect(denied.map(answer), 'at once').to.deep.equal(['SERVFAIL', 'NOERROR'])
      expect(
        names.map((name) => world.ask(name, 'A').rcode),
        'for a while',
      ).to.deep.equal(['SERVFAIL', 'NOERROR'])
    })

    it('D13 are asked of one site after another where more than one may have them', () => {
      const { world, say, answer } = among('*.corp.example.org', '**.corp.example.org')
      const query = world.send('typo.corp.example.org', 'A')
      say('typo.corp.example.org', 'no_such_name')
      expect(answer(query)).to.equal(undefined)
      expect(world.others('awaitName').map(({ resourceId }) => resourceId)).to.deep.equal(['r0', 'r1'])
      say('typo.corp.example.org', 'no_such_name', 'r1')
      expect(answer(query)).to.equal('NXDOMAIN')
    })

    it('D13 do not include names of resources themselves, nor names in no search domain', () => {
      const { world } = among('git.corp.example.org', '*.example.org', '*.lab.example.org')
      for (const name of ['git.corp.example.org', 'corp.example.org', 'www.lab.example.org']) {
        expect(world.ask(name, 'A').rcode, name).to.equal('NOERROR')
      }
      expect(world.others('awaitName')).to.deep.equal([])
    })
  })

  it('D6 cuts a UDP answer above the limit short with TC, and passes the same one on over TCP', () => {
    const world = new World()
    const addresses = Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`)
    for (const [udpBytes, given, cut] of [
      [undefined, 40, true],
      [1232, 30, false],
      [1232, 100, true],
      [4096, 100, true],
    ] as const) {
      const query = world.send('www.example.com', 'A', { udpBytes })
      const ask = world.asks.at(-1)
      world.verdict(ask?.ask, { type: 'answered', message: reply(ask?.message, addresses.slice(0, given)) })
      const answer = world.decoded(query)
      expect(answer).to.deep.include({ flag_tc: cut, rcode: 'NOERROR' })
      expect(answer.answers).to.have.length(cut ? 0 : given)
      expect(world.answerOf(query)?.length).to.be.at.most(1212)
    }
    const query = world.send('www.example.com', 'A', { protocol: 'tcp' })
    const ask = world.asks.at(-1)
    expect(ask?.protocol).to.equal('tcp')
    world.verdict(ask?.ask, { type: 'answered', message: reply(ask?.message, addresses) })
    expect(world.decoded(query).answers).to.have.length(100)
  })

  it('D12 asks the next upstream when one has not answered for a second, and takes whichever answers first', () => {
    const world = new World()
    const query = world.send('www.example.com', 'A')
    world.clock.advance(999)
    expect(world.asks).to.have.length(1)
    world.clock.advance(1)
    expect(world.asks.map((ask) => ask.upstream)).to.deep.equal([FIRST, SECOND])
    world.verdict(world.asks[0]?.ask, { type: 'answered', message: reply(world.asks[0]?.message, ['192.0.2.1']) })
    expect(world.decoded(query).answers).to.have.length(1)
    expect(world.others('cancelAsk')).to.deep.equal([{ type: 'cancelAsk', ask: world.asks[1]?.ask }])
    expect(world.clock.nextAlarm()).to.equal(undefined)
  })

  it('D12 asks the next upstream at once when one fails or refuses, and answers SERVFAIL when all do', () => {
    const world = new World()
    const query = world.send('www.example.com', 'A')
    world.verdict(world.asks[0]?.ask, { type: 'failed', code: 'unreachable', reason: 'no route' })
    expect(world.asks.map((ask) => ask.upstream)).to.deep.equal([FIRST, SECOND])
    world.verdict(world.asks[1]?.ask, {
      type: 'answered',
      message: reply(world.asks[1]?.message, [], { rcode: 5 }),
    })
    expect(world.decoded(query).rcode).to.equal('REFUSED')
    const other = world.send('ftp.example.com', 'A')
    for (let i = 2; i < 4; i++) {
      world.verdict(world.asks[i]?.ask, { type: 'failed', code: 'refused', reason: 'closed' })
    }
    expect(world.asks).to.have.length(4)
    expect(world.decoded(other).rcode).to.equal('SERVFAIL')
  })

  it('D12 asks the next upstream at once when one says that the name is not its own, which is asked first again', () => {
    const world = new World()
    const query = world.send('www.example.com', 'A')
    world.verdict(world.asks[0]?.ask, { type: 'notMine' })
    expect(world.asks.map((ask) => ask.upstream)).to.deep.equal([FIRST, SECOND])
    world.verdict(world.asks[1]?.ask, { type: 'answered', message: reply(world.asks[1]?.message, ['203.0.113.1']) })
    expect(world.decoded(query).rcode).to.equal('NOERROR')
    const other = world.send('ftp.example.com', 'A')
    expect(world.asks[2]?.upstream).to.equal(FIRST)
    for (const at of [2, 3]) world.verdict(world.asks[at]?.ask, { type: 'notMine' })
    expect(world.decoded(other).rcode).to.equal('SERVFAIL')
  })

  describe('D12 with upstreams for certain domains', () => {
    const CORP = upstream('10.0.0.53', ['corp.example'])
    const SPARE = upstream('10.0.0.54', ['corp.example'])
    const split = (...upstreams: Upstream[]): World => {
      const world = new World()
      world.dispatch({ type: 'upstreamsChanged', upstreams })
      return world
    }
    const asked = (world: World) => world.asks.map((ask) => ask.upstream.name)
    const failed = { type: 'failed', code: 'unreachable', reason: 'no route' } as const

    it('D12 upstreams for certain domains are asked for names of these, and the others for all other names', () => {
      const world = split(FIRST, CORP)
      world.send('wiki.corp.example', 'A')
      world.send('www.example.com', 'A')
      expect(asked(world)).to.deep.equal([CORP.name, FIRST.name])
    })

    it('D12 others are asked only once all upstreams for the domain have failed or said that the name is none of their own', () => {
      for (const verdict of [failed, { type: 'notMine' } as const]) {
        const world = split(FIRST, CORP, SPARE)
        const query = world.send('wiki.corp.example', 'A')
        world.verdict(world.asks[0]?.ask, verdict)
        expect(asked(world)).to.deep.equal([CORP.name, SPARE.name])
        world.verdict(world.asks[1]?.ask, verdict)
        expect(asked(world)).to.deep.equal([CORP.name, SPARE.name, FIRST.name])
        const message = reply(world.asks[2]?.message, ['203.0.113.1'])
        world.verdict(world.asks[2]?.ask, { type: 'answered', message })
        expect(world.decoded(query).rcode).to.equal('NOERROR')
      }
    })

    it('D12 no others are asked where upstreams for the domain are slow: those would say that there is no such name', () => {
      const world = split(FIRST, CORP, SPARE)
      const query = world.send('wiki.corp.example', 'A')
      world.clock.advance(4_000)
      expect(new Set(asked(world))).to.deep.equal(new Set([CORP.name, SPARE.name]))
      // Both are asked last by now, but not after those that know nothing of the domain.
      world.send('git.corp.example', 'A')
      expect(asked(world).at(-1)).to.equal(CORP.name)
      world.clock.advance(1_000)
      expect(world.decoded(query).rcode).to.equal('SERVFAIL')
    })

    it('D12 a name that no upstream is for is SERVFAIL at once', () => {
      const world = split(CORP)
      const query = world.send('www.example.com', 'A')
      expect(world.decoded(query).rcode).to.equal('SERVFAIL')
      expect(world.machine.counters()).to.have.property('no-upstream', 1)
    })
  })

  it('D12 gives up after 5 s with SERVFAIL', () => {
    const world = new World()
    const query = world.send('www.example.com', 'A')
    world.clock.advance(4_999)
    expect(world.answerOf(query)).to.equal(undefined)
    world.clock.advance(1)
    expect(world.decoded(query).rcode).to.equal('SERVFAIL')
    expect(world.others('cancelAsk')).to.have.length(world.asks.length)
    expect(world.clock.nextAlarm()).to.equal(undefined)
  })

  it('D12 asks a dead upstream last, and first again half a minute later', () => {
    const world = new World()
    world.send('www.example.com', 'A')
    world.clock.advance(5_000)
    const second = world.asks.at(-1)
    const started = world.asks.length
    world.send('www.example.com', 'A')
    // Both upstreams count as dead by then: the order is the configured one.
    expect(world.asks[started]?.upstream).to.equal(FIRST)
    world.clock.advance(1_000)
    const late = world.asks.at(-1)
    expect(late?.upstream).to.equal(SECOND)
    world.verdict(late?.ask, { type: 'answered', message: reply(late?.message, ['192.0.2.1']) })
    world.send('www.example.com', 'A')
    expect(world.asks.at(-1)?.upstream).to.equal(SECOND)
    world.clock.advance(30_000)
    world.send('www.example.com', 'A')
    expect(world.asks.at(-1)?.upstream).to.equal(FIRST)
    expect(second).not.to.equal(undefined)
  })

  it('the stub resolver takes no answer to another query for this one', () => {
    const wrong: [string, (message: Buffer) => Buffer][] = [
      ['wrong-id', (message) => (message.writeUInt16BE(1 ^ message.readUInt16BE(0), 0), message)],
      ['wrong-question', (message) => (message.write('x', 13), message)],
      ['not-an-answer', (message) => (message.writeUInt16BE(0x0100, 2), message)],
      ['malformed', (message) => message.subarray(0, -1)],
      ['too-short', (message) => message.subarray(0, 11)],
    ]
    for (const [reason, spoil] of wrong) {
      const world = new World()
      const query = world.send('www.example.com', 'A')
      const message = spoil(reply(world.asks[0]?.message, ['192.0.2.1']))
      world.verdict(world.asks[0]?.ask, { type: 'answered', message })
      expect(world.machine.counters()).to.have.property(`upstream-answer-${reason}`, 1)
      expect(world.answerOf(query)).to.equal(undefined)
      expect(world.asks).to.have.length(2)
    }
  })

  it('the stub resolver keeps none of the bytes that it is lent', () => {
    const world = new World()
    const message = world.encoded('www.example.com', 'A')
    const query = world.sendRaw(message)
    const [ask] = world.asks
    const upstream = reply(ask?.message, ['192.0.2.1'])
    const expected = Buffer.from(upstream)
    message.fill(0xff)
    world.clock.advance(1_000)
    expect(world.asks[1]?.message).to.deep.equal(ask?.message)
    world.verdict(ask?.ask, { type: 'answered', message: upstream })
    upstream.fill(0xff)
    expect(Buffer.from(world.answerOf(query) ?? [])).to.deep.equal(expected)
  })

  it('the stub resolver keeps at most 1000 queries in flight', () => {
    const world = new World()
    for (let i = 0; i < 1_000; i++) world.send(`n${i}.example.com`, 'A')
    expect(world.asks).to.have.length(1_000)
    expect(world.ask('late.example.com', 'A').rcode).to.equal('SERVFAIL')
    expect(world.ask('gitlab.example.org', 'A').rcode).to.equal('NOERROR')
    expect(world.machine.counters()).to.have.property('too-many-queries', 1)
    world.clock.advance(5_000)
    expect(world.others('answer')).to.have.length(1_002)
  })

  it('the stub resolver answers SERVFAIL when no mapped address is left, and names that have theirs keep them', () => {
    const world = new World({ maxNames: 2 })
    world.ask('a.example.org', 'A')
    world.ask('b.example.org', 'A')
    expect(world.ask('c.example.org', 'A').rcode).to.equal('SERVFAIL')
    expect(world.ask('b.example.org', 'A').answers).to.have.length(4)
    expect(world.machine.counters()).to.have.property('mapped-addresses-exhausted', 1)
  })

  it('the stub resolver has addresses for a resource without a wildcard, however many names below a wildcard were asked for', () => {
    const world = new World({ maxNames: 20 })
    for (let n = 0; n < 30; n++) world.ask(`n${n}.example.org`, 'A')
    expect(world.ask('n29.example.org', 'A').rcode).to.equal('SERVFAIL')
    expect(world.ask('gitlab.example.org', 'A').answers).to.have.length(4)
  })

  it('the stub resolver forgets names that were neither asked for nor used for 3 h, where there is no room for others', () => {
    const world = new World({ maxNames: 3 })
    const first = ['idle', 'asked', 'used'].map((name) => world.ask(`${name}.example.org`, 'A').answers)
    world.clock.advance(10 * 3_600_000)
    expect(world.ask('new.example.org', 'A').rcode, 'nobody knows who is in use').to.equal('SERVFAIL')
    expect(world.others('watchNames')).to.have.length(1)
    world.clock.advance(60_000)
    world.ask('asked.example.org', 'A')
    world.dispatch({ type: 'nameUsed', domain: 'used.example.org' })
    world.clock.advance(3 * 3_600_000 - 60_001)
    expect(world.ask('new.example.org', 'A').rcode).to.equal('SERVFAIL')
    expect(world.others('watchNames', 'forgetName')).to.have.length(1)

    world.clock.advance(1)
    const { answers } = world.ask('new.example.org', 'A')
    expect(answers).to.have.length(4)
    const told = world.others('watchNames', 'forgetName', 'mapName').slice(-3)
    expect(told.map((output) => [output.type, 'domain' in output ? output.domain : ''])).to.deep.equal([
      ['watchNames', ''],
      ['forgetName', 'idle.example.org'],
      ['mapName', 'new.example.org'],
    ])
    const addresses = new Set(first.flat().map(({ data }) => data))
    expect(
      answers.filter(({ data }) => addresses.has(data)),
      'addresses that somebody may hold',
    ).to.deep.equal([])
    expect(world.ask('another.example.org', 'A').rcode).to.equal('SERVFAIL')
    expect(world.ask('asked.example.org', 'A').answers).to.deep.equal(first[1])
    expect(world.ask('used.example.org', 'A').answers).to.deep.equal(first[2])
    expect(world.machine.counters()).to.have.property('mapped-addresses-exhausted', 3)
  })

  it('P10 sends the name of a resource that is gone upstream, and gives back the same addresses when it returns', () => {
    const world = new World()
    const before = world.ask('gitlab.example.org', 'A').answers.map(({ data }) => data)
    world.dispatch({ type: 'resourcesChanged', resources: [] })
    expect(world.others('mapName').at(-1)).to.deep.include({ domain: 'gitlab.example.org', resourceIds: [] })
    world.send('gitlab.example.org', 'A')
    expect(world.asks).to.have.length(1)
    world.dispatch({ type: 'resourcesChanged', resources: [{ id: 'new', address: 'gitlab.example.org' }] })
    expect(world.others('mapName').at(-1)).to.deep.include({ domain: 'gitlab.example.org', resourceIds: ['new'] })
    expect(world.ask('gitlab.example.org', 'A').answers.map(({ data }) => data)).to.deep.equal(before)
  })

  it('the stub resolver has one sentinel per upstream, new ones when they change, and one where there is no upstream', () => {
    const world = new World()
    expect(world.sentinels).to.deep.equal(['100.100.111.1', '100.100.111.2'])
    world.dispatch({ type: 'upstreamsChanged', upstreams: [FIRST, SECOND] })
    expect(world.others('sentinelsChanged')).to.have.length(1)
    world.dispatch({ type: 'upstreamsChanged', upstreams: [FIRST, IPV6] })
    expect(world.sentinels).to.deep.equal(['100.100.111.3', 'fd00:2021:1111:8000:100:100:111:1'])
    world.dispatch({ type: 'upstreamsChanged', upstreams: [] })
    expect(world.sentinels).to.have.length(1)
    expect(world.ask('www.example.com', 'A').rcode).to.equal('SERVFAIL')
    expect(world.ask('gitlab.example.org', 'A').answers).to.have.length(4)
  })

  it('the stub resolver answers a malformed query with the error’s code, and answers nothing to an answer', () => {
    const world = new World()
    const good = world.encoded('gitlab.example.org', 'A')
    const twice = encode({ type: 'query', id: 7, questions: ['a', 'b'].map((name) => ({ name, type: 'A' as const })) })
    const spoilt: [Buffer, string | undefined][] = [
      [good.subarray(0, 11), undefined],
      [reply(good, []), undefined],
      [good.subarray(0, -1), 'FORMERR'],
      [twice, 'FORMERR'],
      [Buffer.concat([good.subarray(0, 2), Buffer.of(0x28), good.subarray(3)]), 'NOTIMP'],
      [Buffer.concat([good, Buffer.alloc(5_000)]), 'FORMERR'],
    ]
    for (const [message, rcode] of spoilt) {
      const answer = world.answerOf(world.sendRaw(message))
      expect(answer && decode(Buffer.from(answer))).to.satisfy((decoded: object | undefined) =>
        rcode === undefined ? decoded === undefined : JSON.stringify(decoded).includes(`"rcode":"${rcode}"`),
      )
    }
  })

  it('the stub resolver never throws on any bytes, and answers whatever is a query', () => {
    const world = new World()
    const mutation = fc.tuple(fc.nat(60), fc.nat(255))
    const spoiltQuery = fc.array(mutation, { maxLength: 4 }).map((mutations) => {
      const message = world.encoded('gitlab.example.org', 'A', 1232)
      for (const [at, byte] of mutations) message[at % message.length] = byte
      return message
    })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), spoiltQuery), fc.uint8Array(), (message, answer) => {
        const fresh = new World()
        const query = fresh.sendRaw(message)
        const isQuery = message.length >= 12 && ((message[2] ?? 0) & 0x80) === 0
        for (const { ask } of fresh.asks) fresh.verdict(ask, { type: 'answered', message: answer })
        for (const { ask } of fresh.asks) fresh.verdict(ask, { type: 'answered', message })
        fresh.clock.advance(5_000)
        expect(fresh.answerOf(query) !== undefined).to.equal(isQuery)
      }),
      { numRuns: 2_000 },
    )
  })
})

const parsed = (message: Uint8Array): DnsQuery => {
  const verdict = parseQuery(message)
  return verdict.type === 'query' ? verdict.query : expect.fail()
}

const REAL = [10, 0, 0, 5]

/** An answer without EDNS with two more records: A in its answer section, A in its additional section. */
const withAddress = (message: Uint8Array): Uint8Array => {
  const a = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...REAL]
  return Uint8Array.from([...message, ...a, ...a])
    .with(7, (message[7] ?? 0) + 1)
    .with(11, 1)
}

const HOST = writeName('mail.corp.example') ?? new Uint8Array()

const soa = (): Uint8Array => Uint8Array.from([...HOST, ...HOST, ...new Uint8Array(20)])

/** Data of a record that servers would give; anything for types that have no form here. */
const siteData = (type: number): Uint8Array => {
  if ([2, 5, 39].includes(type)) return HOST
  if (type === 15) return Uint8Array.from([0, 10, ...HOST])
  if (type === 17) return Uint8Array.from([...HOST, ...HOST])
  if (type === 35) return Uint8Array.from([0, 1, 0, 2, 1, 0x73, 2, 0x78, 0x79, 0, ...HOST])
  return Uint8Array.of(1, 2, 3, 4, 5)
}

const FIRST = upstream('192.0.2.53')
const SECOND = upstream('198.51.100.53')
const BYPASSING = { ...upstream('192.0.2.1'), kind: 'bypass' }
const IPV6 = upstream('2001:db8::53')

type Output = StubResolverOutput<number>
type Ask = Extract<Output, { type: 'askUpstream' }>

/** A resolver with two upstreams and some resources, its clock, and all its outputs. */
class World {
  readonly clock = new VirtualClock()
  readonly machine: StubResolver<number>
  readonly outputs: Output[] = []
  readonly dispatch: (input: StubResolverInput<number>) => void
  readonly #queries: Buffer[] = []

  constructor({
    resources = [
      { id: 'all', address: '*.example.org' },
      { id: 'git', address: 'gitlab.example.org' },
    ],
    ...options
  }: {
    resources?: { id: string; address: string; ipStack?: 'ipv4_only' | 'ipv6_only' }[]
    maxNames?: number
    bypassingNames?: string[]
  } = {}) {
    this.machine = new StubResolver(options)
    this.dispatch = drive<StubResolverInput<number>, Output>(this.machine, {
      clock: this.clock,
      perform: (output) => this.outputs.push(output),
    }).dispatch
    this.dispatch({ type: 'upstreamsChanged', upstreams: [FIRST, SECOND], bypassing: [BYPASSING] })
    this.dispatch({ type: 'resourcesChanged', resources })
  }

  get asks(): Ask[] {
    return this.outputs.filter((output) => output.type === 'askUpstream')
  }

  get sentinels(): readonly string[] {
    const told = this.outputs.filter((output) => output.type === 'sentinelsChanged')
    return told.at(-1)?.addresses ?? []
  }

  /** The latest query to a site. */
  siteAsk(): Extract<Output, { type: 'askSite' }> {
    const ask = this.others('askSite').at(-1)
    return ask?.type === 'askSite' ? ask : expect.fail()
  }

  others<Type extends Output['type']>(...types: Type[]): Extract<Output, { type: Type }>[] {
    return this.outputs.filter((output): output is Extract<Output, { type: Type }> =>
      types.some((type) => type === output.type),
    )
  }

  encoded(name: string, type: RecordType, udpBytes?: number): Buffer {
    const opt = { type: 'OPT' as const, name: '.', udpPayloadSize: udpBytes ?? 0, extendedRcode: 0, ednsVersion: 0 }
    return encode({
      type: 'query',
      id: 4711 + this.#queries.length,
      flags: RECURSION_DESIRED,
      questions: [{ name, type }],
      additionals: udpBytes === undefined ? [] : [{ ...opt, flags: 0, flag_do: false, options: [] }],
    })
  }

  send(
    name: string,
    type: RecordType,
    { udpBytes, protocol = 'udp', sentinel = '100.100.111.1' }: SendOptions = {},
  ): number {
    return this.sendRaw(this.encoded(name, type, udpBytes), protocol, sentinel)
  }

  sendRaw(message: Uint8Array, protocol: 'udp' | 'tcp' = 'udp', sentinel = '100.100.111.1'): number {
    const query = this.#queries.push(Buffer.from(message)) - 1
    this.dispatch({ type: 'queryReceived', query, sentinel, message, protocol })
    return query
  }

  /** Sends a query and returns the answer, which must come at once. */
  ask(name: string, type: RecordType) {
    return this.decoded(this.send(name, type))
  }

  verdict(ask: number | undefined, verdict: UpstreamVerdict): void {
    this.dispatch({ type: 'upstreamAnswered', ask: ask ?? -1, verdict })
  }

  queryOf(query: number): Buffer | undefined {
    return this.#queries[query]
  }

  answerOf(query: number): Uint8Array | undefined {
    const answers = this.outputs.filter((output) => output.type === 'answer').filter((one) => one.query === query)
    expect(answers.length).to.be.at.most(1)
    return answers[0]?.message
  }

  /** Numbers of a name's addresses, of IPv4 and of IPv6. */
  families(name: string): number[] {
    return (['A', 'AAAA'] as const).map((type) => {
      const { rcode, answers } = this.ask(name, type)
      expect(rcode).to.equal('NOERROR')
      return answers.length
    })
  }

  decoded(query: number) {
    const bytes = this.answerOf(query)
    expect(bytes, 'no answer').not.to.equal(undefined)
    const { answers = [], ...rest } = decode(Buffer.from(bytes ?? []))
    const records = answers.map((answer) => ({
      name: answer.name,
      type: answer.type,
      ttl: 'ttl' in answer ? answer.ttl : undefined,
      data: 'data' in answer ? answer.data : undefined,
    }))
    const sent = this.#queries[query]
    expect(rest.id).to.equal(sent?.readUInt16BE(0))
    return { ...(rest as typeof rest & { rcode: string; flag_tc: boolean }), answers: records }
  }
}

interface SendOptions {
  udpBytes?: number | undefined
  protocol?: 'udp' | 'tcp'
  sentinel?: string
}

/** A server's answer to a query, encoded by the library. */
const reply = (message: Uint8Array | undefined, addresses: string[], { rcode = 0 } = {}): Buffer => {
  const query = decode(Buffer.from(message ?? []))
  const name = query.questions?.[0]?.name ?? ''
  return encode({
    type: 'response',
    id: query.id ?? 0,
    flags: RECURSION_DESIRED | rcode,
    questions: query.questions ?? [],
    answers: addresses.map((data) => ({
      type: data.includes(':') ? ('AAAA' as const) : ('A' as const),
      name,
      ttl: 300,
      data,
    })),
  })
}
