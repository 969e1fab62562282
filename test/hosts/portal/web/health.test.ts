import { expect } from 'chai'
import type { Context } from 'koa'
import { describe, it } from 'mocha'
import { SECOND } from '../../../../core/runtime/time.ts'
import { Metrics } from '../../../../hosts/portal/web/http/metrics.ts'
import { healthRoutes, onceASecond } from '../../../../hosts/portal/web/health.ts'
import { PortalFixture } from '../../../kit/portal-fixture.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

describe('readiness', () => {
  it('readiness asks the database once a second, however many ask', async () => {
    const clock = new VirtualClock()
    const asked: number[] = []
    let isDown = false
    const check = async () => {
      asked.push(clock.now())
      return isDown ? Promise.reject(new Error('down')) : Promise.resolve()
    }
    const route = healthRoutes({
      checks: [{ name: 'database', check: onceASecond(check, clock) }],
      metrics: new Metrics(),
    })
    const ready = async (): Promise<number> => {
      const ctx = { path: '/readyz' } as Context
      await route(ctx, async () => Promise.reject(new Error('not answered')))
      return ctx.status
    }
    expect(await Promise.all([ready(), ready(), ready()])).to.deep.equal([200, 200, 200])
    isDown = true
    clock.advance(SECOND - 1)
    expect(await ready()).to.equal(200)
    expect(asked).to.have.length(1)
    clock.advance(1)
    expect([await ready(), await ready()]).to.deep.equal([503, 503])
    expect(asked).to.have.length(2)
  })

  it('readiness and metrics are rate limited like other routes, and liveness is not', async () => {
    const portal = await PortalFixture.start({ config: { rate_limit: { burst: 5, per_second: 0.001 } } })
    const statuses = async (path: string) =>
      (await Promise.all(Array.from({ length: 10 }, () => fetch(`${portal.url}${path}`)))).map(({ status }) => status)
    try {
      expect((await statuses('/readyz')).filter((status) => status === 200)).to.have.length(5)
      expect(await statuses('/metrics')).to.include(429)
      expect(new Set(await statuses('/healthz'))).to.deep.equal(new Set([200]))
    } finally {
      await portal.stop()
    }
  })
})
