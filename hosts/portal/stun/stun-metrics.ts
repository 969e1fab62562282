import { Gauge, type Registry } from 'prom-client'
import type { StunServer } from './stun-server.ts'

/** Registers the STUN server's metrics with Prometheus. */
export const stunMetrics = (server: Pick<StunServer, 'counters'>, registry: Registry): void => {
  const requests: Gauge = new Gauge({
    name: 'portreeve_portal_stun_requests_total',
    help: 'Datagrams at the STUN server: answered, or the reason why not',
    labelNames: ['outcome'],
    registers: [registry],
    collect: (): void => {
      for (const [outcome, count] of Object.entries(server.counters())) requests.set({ outcome }, count)
    },
  })
}
