import type { Middleware } from 'koa'
import type { Clock } from '../../../core/runtime/clock.ts'
import { SECOND, type Instant } from '../../../core/runtime/time.ts'
import type { Metrics } from './http/metrics.ts'

/** A condition for being ready to serve; `check` rejects if it does not hold. */
export interface ReadinessCheck {
  name: string
  check: () => Promise<unknown>
}

/** Serves /healthz: the process runs. Exempt from rate limits, as it costs nothing. */
export const livenessRoute = (): Middleware => async (ctx, next) => {
  if (ctx.path !== '/healthz') return next()
  ctx.body = { status: 'ok' }
}

/** Serves /readyz (whether the portal can serve) and /metrics (for Prometheus). */
export const healthRoutes =
  ({
    checks,
    notes = () => [],
    metrics,
  }: {
    checks: readonly ReadinessCheck[]
    /** Returns sentences about what is wrong and keeps nobody from being served. */
    notes?: () => readonly string[]
    metrics: Pick<Metrics, 'registry' | 'text'>
  }): Middleware =>
  async (ctx, next) => {
    switch (ctx.path) {
      case '/readyz': {
        const results = await Promise.allSettled(checks.map(async ({ check }) => check()))
        const failed = checks.filter((_, index) => results[index]?.status === 'rejected').map(({ name }) => name)
        ctx.status = failed.length === 0 ? 200 : 503
        const status = failed.length === 0 ? 'ok' : 'not ready'
        const said = notes()
        ctx.body = { status, failed, ...(said.length === 0 ? {} : { notes: said }) }
        return
      }
      case '/metrics':
        ctx.type = metrics.registry.contentType
        ctx.body = await metrics.text()
        return
      default:
        await next()
    }
  }

/** Makes a costly check run at most once a second; callers in between share its result. */
export const onceASecond = (check: () => Promise<unknown>, clock: Clock): (() => Promise<unknown>) => {
  let last: { at: Instant; said: Promise<unknown> } | undefined
  return async () => {
    const now = clock.now()
    if (last === undefined || now - last.at >= SECOND) last = { at: now, said: check() }
    return last.said
  }
}
