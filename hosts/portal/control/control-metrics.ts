import { Gauge, type Registry } from 'prom-client'
import type { PortalShell } from '../shell.ts'

/** The figures of the control channel, for Prometheus. */
export const controlMetrics = (shell: Pick<PortalShell, 'machine' | 'refusals'>, registry: Registry): void => {
  gauge(registry, {
    name: 'portreeve_portal_control',
    help: 'Connected clients and gateways, authorizations in force, requests and withdrawals under way',
    label: 'what',
    values: () => shell.machine.counts(),
  })
  gauge(registry, {
    name: 'portreeve_portal_control_dropped_total',
    help: 'What peers sent and the portal dropped, by reason',
    label: 'reason',
    values: () => shell.machine.counters(),
  })
  gauge(registry, {
    name: 'portreeve_portal_control_refused_total',
    help: 'Connects that were refused, by code',
    label: 'code',
    values: () => shell.refusals(),
  })
}

const gauge = (
  registry: Registry,
  { name, help, label, values }: { name: string; help: string; label: string; values: () => Record<string, number> },
): void => {
  const made: Gauge = new Gauge({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect: (): void => {
      for (const [key, value] of Object.entries(values())) made.set({ [label]: key }, value)
    },
  })
}
