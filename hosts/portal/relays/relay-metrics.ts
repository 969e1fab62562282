import { Gauge, type Registry } from 'prom-client'
import type { RelayEndpoint } from './relay-endpoint.ts'
import type { RelayWatch } from './relay-watch.ts'

/** Registers the relays' metrics with Prometheus. */
export const relayMetrics = (
  {
    watch,
    endpoint,
    timesAsked,
  }: {
    watch: Pick<RelayWatch, 'standings'>
    endpoint: Pick<RelayEndpoint, 'refusals'>
    timesAsked: () => number
  },
  registry: Registry,
): void => {
  const relays: Gauge = new Gauge({
    name: 'portreeve_portal_relays',
    help: 'Relays that peers are offered, and relays that do not answer, by the plugin that provides them',
    labelNames: ['provider', 'state'],
    registers: [registry],
    collect: (): void => {
      relays.reset()
      for (const { provider, isOffered } of watch.standings()) {
        relays.inc({ provider, state: isOffered ? 'offered' : 'withdrawn' })
      }
    },
  })
  const refused: Gauge = new Gauge({
    name: 'portreeve_portal_relays_refused_total',
    help: 'Connects of relays that were refused, by code',
    labelNames: ['code'],
    registers: [registry],
    collect: (): void => {
      for (const [code, count] of Object.entries(endpoint.refusals())) refused.set({ code }, count)
    },
  })
  const asked: Gauge = new Gauge({
    name: 'portreeve_portal_relays_asked_for_total',
    help: 'Messages of clients and gateways that no relay answers them',
    registers: [registry],
    collect: (): void => asked.set(timesAsked()),
  })
}
