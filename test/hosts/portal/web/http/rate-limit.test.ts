import { expect } from 'chai'
import { describe, it } from 'mocha'
import { instant } from '../../../../../core/runtime/time.ts'
import { RateLimiter } from '../../../../../core/net/rate-limiter.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

describe('the rate limit', () => {
  it('the rate limit lets a burst through, then as many as the rate allows', () => {
    const limiter = new RateLimiter({ perSecond: 2, burst: 3 })
    const taken = (now: number) => limiter.take('192.0.2.1', instant(now)).ok
    expect([taken(0), taken(0), taken(0), taken(0)]).to.deep.equal([true, true, true, false])
    expect([taken(500), taken(500)]).to.deep.equal([true, false])
    expect([taken(60_000), taken(60_000), taken(60_000), taken(60_000)]).to.deep.equal([true, true, true, false])
  })

  it('the rate limit counts each address for itself, and remembers a bounded number of them', () => {
    const limiter = new RateLimiter({ perSecond: 1, burst: 1 })
    expect(limiter.take('a', instant(0)).ok).to.equal(true)
    expect(limiter.take('a', instant(0)).ok).to.equal(false)
    for (let index = 0; index < 10_000; index++) expect(limiter.take(`b${index}`, instant(0)).ok).to.equal(true)
    expect(limiter.take('a', instant(0)).ok).to.equal(true)
  })

  it('the rate limit answers 429 with when to come again', async () => {
    const portal = await PortalFixture.start({ config: { rate_limit: { burst: 3, per_second: 1 } }, plugins: [] })
    try {
      const statuses = []
      for (let index = 0; index < 5; index++) statuses.push(await portal.api('GET', '/account'))
      const refused = statuses.at(-1)
      expect(refused?.body).to.include({ status: 429, code: 'rate_limit' })
      expect(Number(refused?.headers.get('retry-after'))).to.be.greaterThan(0)
    } finally {
      await portal.stop()
    }
  })
})
