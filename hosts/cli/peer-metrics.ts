import type { DropCounts } from '../../core/flow/lane.ts'
import type { HelpedSeries } from '../../core/plugin/metrics-text.ts'
import type { HostProblem } from '../../core/runtime/host-problems.ts'
import type { MetricLabels } from '../../core/runtime/metrics.ts'
import type { ClientStatus, ResourceState } from '../client/session/client-status.ts'
import type { GatewayStatus } from '../gateway/gateway-status.ts'
import type { PeerPath } from '../peer/peer-path.ts'
import { PATH_KINDS } from '../../core/ice/path-kind.ts'

/** States of resources. */
export const RESOURCE_STATES: readonly ResourceState[] = [
  'idle',
  'requested',
  'connecting',
  'connected',
  'unreachable',
  'denied',
]

/** Returns the metrics of a client, from its status. */
export const clientMetrics = (status: ClientStatus): HelpedSeries[] => {
  const { state, gateways, resources, problems, dropped, plugin_metrics: ofPlugins } = status
  const make = metricsOf('client')
  return [
    ...make('gauge', 'connected', 'Whether portal, gateways and resources that were asked for are all reached', [
      [{}, Number(state === 'connected')],
    ]),
    ...make('gauge', 'resources', 'Resources by state', counts('state', RESOURCE_STATES, resources)),
    ...make('gauge', 'paths', 'Gateways by the kind of the path to each', pathCounts(gateways)),
    ...perPeer(
      make,
      'gateway',
      gateways.map((gateway) => ({ label: gateway.id, ...gateway })),
    ),
    ...ofMachine(make, problems, dropped),
    ...ofPlugins,
  ]
}

/** Returns the metrics of a gateway, from its status. */
export const gatewayMetrics = (status: GatewayStatus): HelpedSeries[] => {
  const { state, clients, peers, path_kinds: kinds, problems, dropped, plugin_metrics: ofPlugins } = status
  const make = metricsOf('gateway')
  return [
    ...make('gauge', 'connected', 'Whether the portal is reached and packets can be forwarded', [
      [{}, Number(state === 'connected')],
    ]),
    ...make('gauge', 'clients', 'Clients with a grant', [[{}, clients]]),
    ...make(
      'gauge',
      'paths',
      'Clients by the kind of the path to each',
      Object.entries(kinds).map(([kind, count]) => [{ kind }, count]),
    ),
    ...perPeer(
      make,
      'client',
      peers.map((peer) => ({ label: peer.id, ...peer })),
    ),
    ...ofMachine(make, problems, dropped),
    ...ofPlugins,
  ]
}

type Values = readonly (readonly [MetricLabels, number])[]
type Make = (type: HelpedSeries['type'], name: string, help: string, values: Values) => HelpedSeries[]

const metricsOf =
  (role: string): Make =>
  (type, name, help, values) =>
    values.map(([labels, value]) => ({ name: `portreeve_${role}_${name}`, type, help, labels, value }))

const counts = <State extends string>(
  label: string,
  states: readonly State[],
  of: readonly { state: State }[],
): Values => states.map((state) => [{ [label]: state }, of.filter((one) => one.state === state).length])

const pathCounts = (paths: readonly PeerPath[]): Values =>
  [...PATH_KINDS, 'none'].map((kind) => [{ kind }, paths.filter((one) => (one.path_kind ?? 'none') === kind).length])

/** Most peers with series of their own: those with the most traffic. */
const MAX_PEERS = 100

const perPeer = (make: Make, label: string, paths: readonly (PeerPath & { label: string })[]): HelpedSeries[] => {
  const shown = paths
    .toSorted((a, b) => b.sent_bytes + b.received_bytes - a.sent_bytes - a.received_bytes)
    .slice(0, MAX_PEERS)
  const of = (valueOf: (path: PeerPath) => number | null): Values =>
    shown.flatMap((path) => {
      const value = valueOf(path)
      return value === null ? [] : [[{ [label]: path.label }, value] as const]
    })
  const trip = of(({ round_trip_ms: ms }) => (ms === null ? null : ms / 1_000))
  const loss = of((path) => (path.loss === null ? null : path.loss.lost / path.loss.of))
  return [
    ...make('gauge', 'round_trip_seconds', `Round trip to a ${label}, of those with the most traffic`, trip),
    ...make('gauge', 'lost_checks_ratio', 'Share of the last hundred checks of a path that were lost', loss),
    ...make(
      'counter',
      'sent_bytes_total',
      `Bytes of packets sent to a ${label}`,
      of(({ sent_bytes: sent }) => sent),
    ),
    ...make(
      'counter',
      'received_bytes_total',
      `Bytes of packets received from a ${label}`,
      of(({ received_bytes: received }) => received),
    ),
  ]
}

const ofMachine = (make: Make, problems: readonly HostProblem[], dropped: DropCounts): HelpedSeries[] => [
  ...make(
    'gauge',
    'problem',
    'Problems of the machine by code, and whether they keep names or packets from passing',
    problemCounts(problems),
  ),
  ...make(
    'counter',
    'dropped_total',
    'Drops by part and reason',
    Object.entries(dropped).flatMap(([part, reasons]) =>
      Object.entries(reasons).map(([reason, count]) => [{ part, reason }, count] as const),
    ),
  ),
]

/** Counts problems by their code: several may have the same one, as two networks that overlap the tunnels'. */
const problemCounts = (problems: readonly HostProblem[]): Values => {
  const counts = new Map<string, { labels: MetricLabels; count: number }>()
  for (const { code, blocks } of problems) {
    const key = `${code} ${blocks}`
    const before = counts.get(key)?.count ?? 0
    counts.set(key, { labels: { code, blocks: String(blocks) }, count: before + 1 })
  }
  return [...counts.values()].map(({ labels, count }) => [labels, count])
}
