import { Gauge, type Registry } from 'prom-client'
import type { RelayWatch } from './relay-watch.ts'

/** Registers the relays' metrics with Prometheus. */
export const relayMetrics = (
  { watch, timesAsked }: { watch: Pick<RelayWatch, 'standings'>; timesAsked: () => number },
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
  const asked: Gauge = new Gauge({
    name: 'portreeve_portal_relays_asked_for_total',
    help: 'Messages of clients and gateways that no relay answers them',
    registers: [registry],
    collect: (): void => asked.set(timesAsked()),
  })
}
