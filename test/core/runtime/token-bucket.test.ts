import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { instant } from '../../../core/runtime/time.ts'
import { TokenBucket } from '../../../core/runtime/token-bucket.ts'

const taken = (bucket: TokenBucket, count: number, at: number): number =>
  Array.from({ length: count }, () => bucket.take(instant(at))).filter(Boolean).length

describe('token bucket', () => {
  it('a token bucket lets a burst pass, then as many as its rate allows, and after a silence a burst again', () => {
    const bucket = new TokenBucket({ perSecond: 100, burst: 5 })
    expect([taken(bucket, 9, 0), taken(bucket, 2, 9), taken(bucket, 2, 10)]).to.deep.equal([5, 0, 1])
    expect(taken(bucket, 9, 60_000)).to.equal(5)
  })

  it('a token bucket takes nothing for a refusal, so that an asker who insists gets its share', () => {
    const bucket = new TokenBucket({ perSecond: 100, burst: 1 })
    const passed = Array.from({ length: 1_001 }, (_, at) => taken(bucket, 3, at))
    expect(passed.flatMap((count, at) => (count === 0 ? [] : [at]))).to.deep.equal(
      Array.from({ length: 101 }, (_, index) => index * 10),
    )
  })

  it('a token bucket takes the cost of an expensive request, or nothing, and says how long it has to wait', () => {
    const bucket = new TokenBucket({ perSecond: 2, burst: 10 })
    expect([bucket.take(instant(0), 8), bucket.take(instant(0), 3)]).to.deep.equal([true, false])
    expect(bucket.waitSeconds(instant(0), 3)).to.equal(0.5)
    expect([bucket.take(instant(499), 3), bucket.take(instant(500), 3)]).to.deep.equal([false, true])
  })

  it('a token bucket is full at first and when all that was taken has come back', () => {
    const bucket = new TokenBucket({ perSecond: 1, burst: 2 })
    expect([bucket.isFull(instant(0)), bucket.take(instant(0)), bucket.isFull(instant(0))]).to.deep.equal([
      true,
      true,
      false,
    ])
    expect([bucket.isFull(instant(999)), bucket.isFull(instant(1_000))]).to.deep.equal([false, true])
  })

  it('a token bucket never lets more pass in any time than its burst and its rate together', () => {
    const rates = fc.record({ perSecond: fc.constantFrom(1, 2, 50, 100, 125), burst: fc.integer({ min: 1, max: 30 }) })
    fc.assert(
      fc.property(rates, fc.array(fc.nat(400), { maxLength: 200 }), (rate, gaps) => {
        const bucket = new TokenBucket(rate)
        const passed: number[] = []
        let now = 0
        for (const gap of gaps) {
          now += gap
          if (bucket.take(instant(now))) passed.push(now)
        }
        for (const [first, from] of passed.entries()) {
          for (const [last, until] of passed.entries()) {
            if (last < first) continue
            const due = rate.burst + Math.floor(((until - from) * rate.perSecond) / 1_000)
            expect(last - first + 1).to.be.at.most(due)
          }
        }
      }),
    )
  })
})
