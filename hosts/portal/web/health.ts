import type { Middleware } from 'koa'
import type { Registry } from 'prom-client'
import type { Clock } from '../../../core/runtime/clock.ts'
import { SECOND, type Instant } from '../../../core/runtime/time.ts'

/** Something that has to work for the portal to serve: its name, and a check that rejects where it does not. */
export interface ReadinessCheck {
  name: string
  check: () => Promise<unknown>
}

/** /healthz: the process lives. It costs nothing, and is answered to whoever asks however often. */
export const livenessRoute = (): Middleware => async (ctx, next) => {
  if (ctx.path !== '/healthz') return next()
  ctx.body = { status: 'ok' }
}

/** /readyz: it can serve. /metrics: its figures. */
export const healthRoutes =
  ({ checks, registry }: { checks: readonly ReadinessCheck[]; registry: Registry }): Middleware =>
  async (ctx, next) => {
    switch (ctx.path) {
      case '/readyz': {
        const results = await Promise.allSettled(checks.map(async ({ check }) => check()))
        const failed = checks.filter((_, index) => results[index]?.status === 'rejected').map(({ name }) => name)
        ctx.status = failed.length === 0 ? 200 : 503
        ctx.body = { status: failed.length === 0 ? 'ok' : 'not ready', failed }
        return
      }
      case '/metrics':
        ctx.type = registry.contentType
        ctx.body = await registry.metrics()
        return
      default:
        await next()
    }
  }

/** A check that costs something, made once a second for all who ask: what it said is good until then. */
export const onceASecond = (check: () => Promise<unknown>, clock: Clock): (() => Promise<unknown>) => {
  let last: { at: Instant; said: Promise<unknown> } | undefined
  return async () => {
    const now = clock.now()
    if (last === undefined || now - last.at >= SECOND) last = { at: now, said: check() }
    return last.said
  }
}
