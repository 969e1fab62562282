import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { after, instant } from '../../../core/runtime/time.ts'
import { SourceRates } from '../../../plugins/transport-wireguard/source-rates.ts'

const at = (milliseconds: number) => after(instant(1_000), milliseconds)
const many = (rates: SourceRates, paths: readonly string[], milliseconds = 0): boolean[] =>
  paths.map((path) => rates.allows(path, at(milliseconds)))
const times = (count: number, path: string): string[] => Array.from({ length: count }, () => path)

describe('rates of sources', () => {
  it('a source’s rate allows 25 at once, then one every 8 ms', () => {
    const rates = new SourceRates()
    const allowed = (count: number, milliseconds: number): number =>
      many(rates, times(count, '192.0.2.1:1'), milliseconds).filter(Boolean).length
    expect(allowed(40, 0)).to.equal(25)
    expect(allowed(2, 7)).to.equal(0)
    expect(allowed(2, 8)).to.equal(1)
    expect(allowed(40, 1_000)).to.equal(25)
  })

  it('the ports of an IPv4 address, and the addresses of an IPv6 /64, are one source', () => {
    const rates = new SourceRates()
    many(rates, times(25, '192.0.2.1:1'))
    many(rates, times(25, '[2001:db8:0:1::1]:1'))
    expect(many(rates, ['192.0.2.1:2', '[2001:db8:0:1:ffff::2]:1'])).to.deep.equal([false, false])
    expect(many(rates, ['192.0.2.2:1', '[2001:db8:0:2::1]:1', '[2001:db8::1]:1'])).to.deep.equal([true, true, true])
  })

  it('a path that is no address is a source of its own', () => {
    const rates = new SourceRates()
    many(rates, times(25, 'websocket:7'))
    expect(many(rates, ['websocket:7', 'websocket:8'])).to.deep.equal([false, true])
  })

  it('rates remember no more sources than they have room for, and no longer than they must', () => {
    const rates = new SourceRates({ maxSources: 3 })
    expect(many(rates, ['a', 'b', 'c', 'd', 'a'])).to.deep.equal([true, true, true, false, true])
    expect(many(rates, ['d', 'e', 'f', 'g'], 16)).to.deep.equal([true, true, true, false])
    expect(rates.size).to.equal(3)
  })

  it('rates never allow a source more than its burst and its rate, whatever the order of messages is', () => {
    const messages = fc.array(fc.record({ source: fc.constantFrom('a', 'b', 'c'), gapMs: fc.nat(4) }), {
      minLength: 200,
      maxLength: 400,
    })
    fc.assert(
      fc.property(messages, (sent) => {
        const rates = new SourceRates({ maxSources: 2 })
        const allowed: { source: string; at: number }[] = []
        let [now, largest] = [0, 0]
        for (const { source, gapMs } of sent) {
          now += gapMs
          if (rates.allows(source, at(now))) allowed.push({ source, at: now })
          largest = Math.max(largest, rates.size)
        }
        expect(largest).to.be.at.most(2)
        for (const source of ['a', 'b', 'c']) {
          const times = allowed.filter((each) => each.source === source).map((each) => each.at)
          const excess = times.flatMap((from, first) =>
            times.slice(first).map((until, index) => index + 1 - (25 + Math.floor((until - from) / 8))),
          )
          expect(Math.max(0, ...excess)).to.equal(0)
        }
      }),
    )
  })
})
