import type { Middleware } from 'koa'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Clock } from '../../../../core/runtime/clock.ts'
import { SECOND } from '../../../../core/runtime/time.ts'

/** The portal's figures, for Prometheus. A registry of its own: several portals may live in one process. */
export class Metrics {
  readonly registry = new Registry()
  readonly #requests = new Counter({
    name: 'portreeve_portal_http_requests_total',
    help: 'HTTP requests by route and status',
    labelNames: ['method', 'route', 'status'],
    registers: [this.registry],
  })
  readonly #durations = new Histogram({
    name: 'portreeve_portal_http_request_seconds',
    help: 'How long HTTP requests took, by route',
    labelNames: ['route'],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10],
    registers: [this.registry],
  })

  readonly #providers = new Histogram({
    name: 'portreeve_portal_identity_provider_seconds',
    help: 'How long the plugins of identity providers took for a step, by how it ended',
    labelNames: ['provider', 'outcome'],
    buckets: [0.01, 0.05, 0.25, 1, 2.5, 10],
    registers: [this.registry],
  })

  constructor() {
    const memory: Gauge = new Gauge({
      name: 'portreeve_portal_resident_memory_bytes',
      help: 'Resident memory of the process',
      registers: [this.registry],
      collect: (): void => memory.set(process.memoryUsage.rss()),
    })
  }

  /** Notes how long a step of an identity provider's plugin took, and what it answered: `redirect`, `refused`, `failed` … */
  observeProvider({ provider, outcome, seconds }: { provider: string; outcome: string; seconds: number }): void {
    this.#providers.observe({ provider, outcome }, seconds)
  }

  /** Counts and times requests. Routes are labels, paths are not: those are anybody's to invent. */
  middleware(clock: Clock): Middleware {
    return async (ctx, next) => {
      const begun = clock.now()
      await next()
      const matched = (ctx as { _matchedRoute?: unknown })._matchedRoute
      // A route that is a regular expression is nobody's to read.
      const route = typeof matched === 'string' && !/[()[\]|\\^$*+?]/.test(matched) ? matched : 'other'
      this.#requests.inc({
        method: KNOWN_METHODS.has(ctx.method) ? ctx.method : 'other',
        route,
        status: String(ctx.status),
      })
      this.#durations.observe({ route }, (clock.now() - begun) / SECOND)
    }
  }
}

const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
