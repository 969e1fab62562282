import type { Middleware } from 'koa'
import type { Registry } from 'prom-client'

/** Something that has to work for the portal to serve: its name, and a check that rejects where it does not. */
export interface ReadinessCheck {
  name: string
  check: () => Promise<unknown>
}

/** /healthz: the process lives. /readyz: it can serve. /metrics: its figures. */
export const healthRoutes =
  ({ checks, registry }: { checks: readonly ReadinessCheck[]; registry: Registry }): Middleware =>
  async (ctx, next) => {
    switch (ctx.path) {
      case '/healthz':
        ctx.body = { status: 'ok' }
        return
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
