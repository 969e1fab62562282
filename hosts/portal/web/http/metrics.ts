import type { Middleware } from 'koa'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { PluginMetrics } from '../../../../core/plugin/plugin-metrics.ts'
import type { Clock } from '../../../../core/runtime/clock.ts'
import { SECOND } from '../../../../core/runtime/time.ts'
import { metricsText } from '../../../../core/plugin/metrics-text.ts'

/** Metrics of the portal for Prometheus, in a registry of their own, because several portals may run in one process. */
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

  readonly #plugins: Pick<PluginMetrics, 'series'>

  /** @param plugins metrics of the plugins' own */
  constructor(plugins: Pick<PluginMetrics, 'series'> = { series: () => [] }) {
    this.#plugins = plugins
    const memory: Gauge = new Gauge({
      name: 'portreeve_portal_resident_memory_bytes',
      help: 'Resident memory of the process',
      registers: [this.registry],
      collect: (): void => memory.set(process.memoryUsage.rss()),
    })
  }

  /** Returns all metrics in Prometheus's text format, those of plugins too. */
  async text(): Promise<string> {
    return `${await this.registry.metrics()}${metricsText(this.#plugins.series())}`
  }

  /** Records the duration of an identity provider's step and its outcome: `redirect`, `refused`, `failed` … */
  observeProvider({ provider, outcome, seconds }: { provider: string; outcome: string; seconds: number }): void {
    this.#providers.observe({ provider, outcome }, seconds)
  }

  /** Counts and times requests by route. Paths are not labels, because anybody can invent those. */
  middleware(clock: Clock): Middleware {
    return async (ctx, next) => {
      const begun = clock.now()
      await next()
      const matched = (ctx as { _matchedRoute?: unknown })._matchedRoute
      // Routes that are regular expressions are unreadable as labels.
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
