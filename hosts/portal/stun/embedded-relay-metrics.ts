import { Counter, Gauge, type Registry } from 'prom-client'
import type { EmbeddedRelay } from './embedded-relay.ts'

/** Registers the metrics of the relay in this process with Prometheus. */
export const embeddedRelayMetrics = (relay: Pick<EmbeddedRelay, 'numbers'>, registry: Registry): void => {
  const registers = [registry]
  const allocations: Gauge = new Gauge({
    name: 'portreeve_portal_relay_allocations',
    help: 'Clients with an allocation at the relay in this process',
    registers,
    collect: (): void => allocations.set(relay.numbers.allocations),
  })
  const forwarded: Counter = new Counter({
    name: 'portreeve_portal_relay_forwarded_bytes_total',
    help: 'Bytes of data that the relay in this process has forwarded',
    registers,
    collect: (): void => {
      forwarded.reset()
      forwarded.inc(relay.numbers.bytes)
    },
  })
  const refused: Counter = new Counter({
    name: 'portreeve_portal_relay_refused_total',
    help: 'Allocations and datagrams that the relay in this process has refused because an account had as many as it may have',
    labelNames: ['limit'],
    registers,
    collect: (): void => {
      const { 'account-allocations': allocations = 0, 'account-bandwidth': bandwidth = 0 } = relay.numbers.outcomes
      refused.reset()
      refused.inc({ limit: 'allocations' }, allocations)
      refused.inc({ limit: 'bandwidth' }, bandwidth)
    },
  })
}
