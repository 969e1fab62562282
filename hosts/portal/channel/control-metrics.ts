import { Gauge, type Registry } from 'prom-client'
import type { PluginCalls } from '../decide/plugin-calls.ts'
import type { PortalShell } from './shell.ts'

/** Registers the control channel's metrics with Prometheus. */
export const controlMetrics = (
  shell: Pick<PortalShell, 'machine' | 'paths' | 'refusals' | 'cutOff' | 'limits'>,
  registry: Registry,
): void => {
  gauge(registry, {
    name: 'portreeve_portal_control',
    help: 'Connected clients and gateways, authorizations in force, requests and withdrawals under way',
    label: 'what',
    values: () => shell.machine.counts(),
  })
  gauge(registry, {
    name: 'portreeve_portal_control_dropped_total',
    help: 'Messages of peers that were dropped, by reason',
    label: 'reason',
    values: () => shell.machine.counters(),
  })
  gauge(registry, {
    name: 'portreeve_portal_paths',
    help: 'Paths from connected clients to gateways, as clients report them, by kind',
    label: 'kind',
    values: () => shell.paths.counts(),
  })
  gauge(registry, {
    name: 'portreeve_portal_gateway_problems',
    help: 'Connected gateways that cannot forward, by the codes of the problems of their machines',
    label: 'code',
    values: () => shell.machine.gatewayProblems(),
  })
  gauge(registry, {
    name: 'portreeve_portal_limits',
    help: 'Limits in force, by their names in the configuration',
    label: 'limit',
    values: () => shell.limits,
  })
  gauge(registry, {
    name: 'portreeve_portal_control_unread_total',
    help: 'Connections closed because their peers did not read',
    label: 'what',
    values: () => ({ cut_off: shell.cutOff }),
  })
  gauge(registry, {
    name: 'portreeve_portal_control_refused_total',
    help: 'Connects that were refused, by code',
    label: 'code',
    values: () => shell.refusals(),
  })
}

/** Registers metrics of calls to policy conditions, gateway selectors and relay providers with Prometheus. */
export const pluginCallMetrics = (calls: Pick<PluginCalls, 'figures'>, registry: Registry): void => {
  const counted: Gauge = new Gauge({
    name: 'portreeve_portal_plugin_calls_total',
    help: 'Calls to policy conditions, gateway selectors and relay providers: answered, slow (over 250 ms), failed, spared after slow ones',
    labelNames: ['point', 'key', 'outcome'],
    registers: [registry],
    collect: (): void => {
      for (const { point, key, answered, slow, failed, spared } of calls.figures()) {
        for (const [outcome, count] of Object.entries({ answered, slow, failed, spared })) {
          counted.set({ point, key, outcome }, count)
        }
      }
    },
  })
  const spent: Gauge = new Gauge({
    name: 'portreeve_portal_plugin_seconds_total',
    help: 'Total time of calls to policy conditions, gateway selectors and relay providers',
    labelNames: ['point', 'key'],
    registers: [registry],
    collect: (): void => {
      for (const { point, key, seconds } of calls.figures()) spent.set({ point, key }, seconds)
    },
  })
  const slowest: Gauge = new Gauge({
    name: 'portreeve_portal_plugin_slowest_seconds',
    help: 'The slowest call so far',
    labelNames: ['point', 'key'],
    registers: [registry],
    collect: (): void => {
      for (const { point, key, slowestSeconds } of calls.figures()) slowest.set({ point, key }, slowestSeconds)
    },
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
