import { expect } from 'chai'
import { decode, encode, TRUNCATED_RESPONSE, type Answer } from 'dns-packet'
import * as fc from 'fast-check'
import { beforeEach, describe, it } from 'mocha'
import type { ServerVerdict } from '../../../core/contract/upstream-resolver.ts'
import { SiteResolver, type SiteResolverInput, type SiteResolverOutput } from '../../../core/dns/site-resolver.ts'
import { drive } from '../../../core/runtime/drive.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import { spellingsOf } from '../../kit/ipv4-spellings.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

describe('site resolver', () => {
  let clock: VirtualClock
  let machine: SiteResolver
  let outputs: SiteResolverOutput[]
  let dispatch: (input: SiteResolverInput) => void

  beforeEach(() => {
    clock = new VirtualClock()
    machine = new SiteResolver({ random: new SeededRandom() })
    outputs = []
    ;({ dispatch } = drive<SiteResolverInput, SiteResolverOutput>(machine, {
      clock,
      perform: (output) => outputs.push(output),
    }))
  })

  const asks = () => outputs.filter((output) => output.type === 'askSystem')
  const resolved = () => outputs.filter((output) => output.type === 'resolved')
  const look = (lookup: number, domain = 'gitlab.example.org') => dispatch({ type: 'lookupRequested', lookup, domain })
  const verdict = (ask: number | undefined, given: ServerVerdict) =>
    dispatch({ type: 'systemAnswered', ask: ask ?? -1, verdict: given })
  /** Answers the query with this index, with records of the queried name or other ones. */
  const answer = (index: number, data: (string | Answer)[], rcode = 0) => {
    const ask = asks()[index]
    const { id = 0, questions = [] } = decode(Buffer.from(ask?.message ?? []))
    const answers = data.map((one): Answer =>
      typeof one === 'string'
        ? { type: one.includes(':') ? 'AAAA' : 'A', name: questions[0]?.name ?? '', ttl: 5, data: one }
        : one,
    )
    verdict(ask?.ask, { type: 'answered', message: encode({ type: 'response', id, flags: rcode, questions, answers }) })
  }

  it('D10 the site resolver asks for both families at once and gives back the addresses, sorted', () => {
    look(1, 'GitLab.example.org.')
    expect(asks().map(({ name, recordType }) => [name, recordType])).to.deep.equal([
      ['gitlab.example.org', 'A'],
      ['gitlab.example.org', 'AAAA'],
    ])
    answer(1, ['2001:db8::1'])
    expect(resolved()).to.deep.equal([])
    answer(0, ['192.168.0.9', '10.0.0.1', '10.0.0.1'])
    expect(resolved()).to.deep.equal([
      {
        type: 'resolved',
        lookup: 1,
        ipv4: ['10.0.0.1', '192.168.0.9'],
        ipv6: ['2001:db8::1'],
        failed: false,
        found: { ipv4: 'found', ipv6: 'found' },
      },
    ])
  })

  it('D10 the site resolver has one request for a name in flight, holds answers for 30 s, and asks again after that', () => {
    look(1)
    look(2)
    expect(asks()).to.have.length(2)
    answer(0, ['10.0.0.1'])
    answer(1, [])
    expect(resolved().map(({ lookup }) => lookup)).to.deep.equal([1, 2])
    clock.advance(29_999)
    look(3)
    expect(resolved().at(-1)).to.deep.include({ lookup: 3, ipv4: ['10.0.0.1'] })
    clock.advance(1)
    look(4)
    expect(asks()).to.have.length(4)
    answer(2, ['10.0.0.2'])
    answer(3, [])
    expect(resolved().at(-1)).to.deep.include({ lookup: 4, ipv4: ['10.0.0.2'] })
  })

  it('D11 a name without a record for one family is empty for it, as is one that does not exist', () => {
    look(1)
    answer(0, ['10.0.0.1'])
    answer(1, [])
    look(2, 'gone.example.org')
    answer(2, [], 3)
    answer(3, [], 3)
    expect(resolved().map(({ ipv4, ipv6, failed }) => [ipv4, ipv6, failed])).to.deep.equal([
      [['10.0.0.1'], [], false],
      [[], [], false],
    ])
  })

  it('the site resolver gives up after 10 s, says so, and does not remember a failure', () => {
    look(1)
    clock.advance(9_999)
    expect(resolved()).to.deep.equal([])
    clock.advance(1)
    const found = { ipv4: 'no_answer', ipv6: 'no_answer' }
    expect(resolved()).to.deep.equal([{ type: 'resolved', lookup: 1, ipv4: [], ipv6: [], failed: true, found }])
    expect(outputs.filter(({ type }) => type === 'cancelAsk')).to.have.length(2)
    answer(0, ['10.0.0.1'])
    expect(resolved()).to.have.length(1)
    look(2)
    expect(asks()).to.have.length(4)
  })

  for (const [has, silent, at] of [
    ['ipv4', 'ipv6', 0],
    ['ipv6', 'ipv4', 1],
  ] as const) {
    const address = has === 'ipv4' ? '10.0.0.1' : '2001:db8::1'
    const other = has === 'ipv4' ? '2001:db8::1' : '10.0.0.1'

    it(`the site resolver goes on with ${has} 50 ms after it is there, and asks for a silent ${silent} in the background`, () => {
      look(1)
      answer(at, [address])
      look(2)
      clock.advance(49)
      expect(resolved()).to.deep.equal([])
      clock.advance(1)
      const expected = { [has]: [address], [silent]: [], failed: false, unanswered: silent }
      expect(resolved().map(({ lookup }) => lookup)).to.deep.equal([1, 2])
      expect(resolved()[0]).to.deep.include(expected)
      expect(resolved()[0]?.found).to.deep.equal({ [has]: 'found', [silent]: 'pending' })
      look(3)
      expect(resolved().at(-1)).to.deep.include({ lookup: 3, ...expected })
      expect(asks()).to.have.length(2)
      answer(1 - at, [other])
      look(4)
      expect(resolved().at(-1)).to.deep.include({ lookup: 4, [has]: [address], [silent]: [other] })
      expect(asks()).to.have.length(2)
    })

    it(`the site resolver is not held up by a ${silent} that stays silent: later lookups ask again and do not wait`, () => {
      look(1)
      answer(at, [address])
      clock.advance(50)
      clock.advance(9_950)
      expect(resolved()).to.have.length(1)
      look(2)
      expect(resolved()).to.have.length(2)
      expect(resolved()[1]?.found).to.deep.equal({ [has]: 'found', [silent]: 'no_answer' })
      expect(asks()).to.have.length(4)
      answer(2 + at, [address])
      answer(3 - at, [other])
      look(3)
      expect(resolved().at(-1)).to.deep.include({ lookup: 3, [has]: [address], [silent]: [other], failed: false })
    })

    it(`the site resolver waits for ${silent} where there is no record of ${has}`, () => {
      look(1)
      answer(at, [])
      clock.advance(3_000)
      expect(resolved()).to.deep.equal([])
      answer(1 - at, [other])
      expect(resolved()).to.have.length(1)
      expect(resolved()[0]?.found).to.deep.equal({ [has]: 'no_record', [silent]: 'found' })
    })
  }

  it('the site resolver reports for each family: no such name, no record, refused addresses, errors, silence', () => {
    const found = (name: string, four: () => void, six: () => void) => {
      look(asks().length, name)
      four()
      six()
      return resolved().at(-1)?.found
    }
    const [a, aaaa] = [() => asks().length - 2, () => asks().length - 1]
    expect(
      found(
        'a.example.org',
        () => answer(a(), [], 3),
        () => answer(aaaa(), []),
      ),
    ).to.deep.equal({
      ipv4: 'no_such_name',
      ipv6: 'no_record',
    })
    expect(
      found(
        'b.example.org',
        () => answer(a(), ['127.0.0.1']),
        () => answer(aaaa(), [], 2),
      ),
    ).to.deep.equal({
      ipv4: 'refused_address',
      ipv6: 'servfail',
    })
    const silence = { type: 'failed', code: 'timeout', reason: 'silence' } as const
    expect(
      found(
        'c.example.org',
        () => answer(a(), [], 5),
        () => verdict(asks().at(-1)?.ask, silence),
      ),
    ).to.deep.equal({
      ipv4: 'refused',
      ipv6: 'no_answer',
    })
  })

  it('the site resolver uses the family that answered where the other failed, and asks again next time', () => {
    look(1)
    answer(0, ['10.0.0.1'])
    verdict(asks()[1]?.ask, { type: 'failed', code: 'timeout', reason: 'silence' })
    expect(resolved().at(-1)).to.deep.include({ ipv4: ['10.0.0.1'], ipv6: [], failed: false, unanswered: 'ipv6' })
    look(2)
    expect(asks()).to.have.length(4)
    expect(machine.counters()).to.have.property('site-resolver-timeout', 1)
  })

  it('D11 an answer that was cut short is no proof that there is no record', () => {
    look(1)
    for (const { ask, message } of asks()) {
      const { id = 0, questions = [] } = decode(Buffer.from(message))
      verdict(ask, {
        type: 'answered',
        message: encode({ type: 'response', id, flags: TRUNCATED_RESPONSE, questions }),
      })
    }
    expect(resolved().at(-1)).to.deep.include({ failed: true })
    look(2)
    expect(asks(), 'and nothing to remember').to.have.length(4)
    expect(machine.counters()).to.have.property('site-answer-truncated', 2)
  })

  it('the site resolver follows aliases, and takes no record of another name', () => {
    look(1)
    answer(0, [
      { type: 'CNAME', name: 'gitlab.example.org', ttl: 5, data: 'Web.Example.org' },
      { type: 'CNAME', name: 'web.example.org', ttl: 5, data: 'host.example.org' },
      { type: 'A', name: 'host.example.org', ttl: 5, data: '10.0.0.1' },
      { type: 'A', name: 'evil.example.org', ttl: 5, data: '10.0.0.66' },
      { type: 'A', name: 'gitlab.example.org', ttl: 5, data: '10.0.0.67' },
    ])
    answer(1, [
      { type: 'CNAME', name: 'gitlab.example.org', ttl: 5, data: 'gitlab.example.org' },
      { type: 'A', name: 'gitlab.example.org', ttl: 5, data: '10.0.0.68' },
    ])
    expect(resolved().at(-1)).to.deep.include({ ipv4: ['10.0.0.1'], ipv6: [] })
  })

  it('the site resolver refuses addresses of its own machine, however written, and forgets its cache when they change', () => {
    dispatch({ type: 'ownAddressesChanged', addresses: ['10.0.0.7', '2001:DB8:0::7'] })
    look(1)
    answer(0, ['10.0.0.7', '10.0.0.8'])
    answer(1, ['2001:db8::7'])
    expect(resolved().at(-1)).to.deep.include({ ipv4: ['10.0.0.8'], ipv6: [], failed: false })
    expect(machine.counters()).to.have.property('site-answer-own-address', 2)
    dispatch({ type: 'ownAddressesChanged', addresses: ['10.0.0.8'] })
    look(2)
    answer(2, ['10.0.0.7', '10.0.0.8'])
    answer(3, [])
    expect(resolved().at(-1)).to.deep.include({ ipv4: ['10.0.0.7'] })
  })

  it('the site resolver refuses addresses that lead to the gateway itself or into the tunnel, and counts them', () => {
    const four = ['127.0.0.1', '169.254.1.1', '224.0.0.1', '0.0.0.0', '255.255.255.255', '100.64.0.1', '100.96.0.1']
    const six = ['::1', 'fe80::1', 'ff02::1', '::', '::ffff:10.0.0.1', 'fd00:2021:1111::1', 'fd00:2021:1111:8000::1']
    look(1)
    answer(0, [...four, '10.0.0.1'])
    answer(1, [...six, 'fd12::1'])
    expect(resolved().at(-1)).to.deep.include({ ipv4: ['10.0.0.1'], ipv6: ['fd12::1'] })
    expect(machine.counters()).to.have.property('site-answer-refused-address', four.length + six.length)
  })

  it('the site resolver refuses metadata services of clouds, and every IPv6 address that stands for one or for its own machine', () => {
    dispatch({ type: 'ownAddressesChanged', addresses: ['203.0.113.7'] })
    const clouds = ['fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254', 'fd00:c1::a9fe:a9fe']
    const spelt = ['169.254.169.254', '168.63.129.16', '127.0.0.1', '203.0.113.7'].map(spellingsOf)
    for (const [at, six] of [clouds, ...spelt].entries()) {
      look(at, `n${at}.example.org`)
      answer(2 * at, ['168.63.129.16', '192.0.0.192', '10.0.0.1'])
      answer(2 * at + 1, [...six, '64:ff9b::10.0.0.1'])
      expect(resolved().at(-1)).to.deep.include({ ipv4: ['10.0.0.1'], ipv6: ['64:ff9b::a00:1'] })
    }
  })

  it('the site resolver takes at most 64 addresses of a family, 1000 names at a time, and no malformed names', () => {
    look(0)
    answer(
      0,
      Array.from({ length: 200 }, (_, i) => `10.0.0.${i}`),
    )
    answer(1, [])
    expect(resolved().at(-1)?.ipv4).to.have.length(64)
    for (let i = 1; i <= 1_001; i++) look(i, `n${i}.example.org`)
    expect(resolved().at(-1)).to.deep.include({ lookup: 1_001, failed: true })
    expect(machine.counters()).to.have.property('too-many-lookups', 1)
    clock.advance(10_000)
    for (const domain of ['', 'a..b', `${'a'.repeat(64)}.org`, 'ü.example.org\u{1f600}']) look(5_000, domain)
    expect(machine.counters()).to.have.property('notAName', 4)
  })

  it('the site resolver never throws on an answer, and takes nothing that does not belong to the question', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 200 }), (noise, tail) => {
        look(1)
        const [first, second] = asks().slice(-2)
        verdict(first?.ask, { type: 'answered', message: noise })
        const header = Buffer.from(second?.message ?? [])
        header[2] = 0x80
        header[7] = tail[0] ?? 0
        verdict(second?.ask, { type: 'answered', message: Buffer.concat([header.subarray(0, -11), tail]) })
        expect(resolved().at(-1)?.ipv4).to.deep.equal([])
        clock.advance(60_000)
      }),
      { numRuns: 2_000 },
    )
  })
})
