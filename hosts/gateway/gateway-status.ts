import type { PortalStatus } from '../../core/control/portal-problem.ts'
import type { DropCounts } from '../../core/flow/lane.ts'
import type { TransportStatus } from '../../core/ice/transport-news.ts'
import type { MetricSeries, PluginMetrics } from '../../core/plugin/plugin-metrics.ts'
import type { HostProblem } from '../../core/runtime/host-problems.ts'
import type { ClockPair } from '../../core/runtime/time.ts'
import type { LaneChoice } from '../runtime/lane/choose-lane.ts'
import { peerPath, type PeerPath } from '../peer/peer-path.ts'
import type { PathKind } from '../../core/ice/path-kind.ts'
import type { LinkState } from '../peer/portal-side.ts'
import { reachStatus, type ReachStatus } from '../peer/reach-status.ts'
import type { GatewayState } from './state.ts'

/** Status of a gateway, as sent over the control socket and printed by `portreeve gateway status --json`. */
export interface GatewayStatus {
  /** Time of this status (ISO 8601). */
  at: string
  /**
   * State of the link to the portal; `connected` only while the tunnel transport works and no problem of the machine
   * blocks packets. `unreachable`: the portal
   * does not answer; existing grants stay valid.
   */
  state: LinkState
  /** URL of the portal, and the problem in reaching it, if any. */
  portal: PortalStatus
  /** Tunnel transport plugin, and its problem, if any. */
  transport: TransportStatus
  /** Problems of this machine's configuration. */
  problems: readonly HostProblem[]
  /** Lane that packets move in: natively in a worker, or one by one in TypeScript. */
  lane: 'native' | 'script'
  /** Reason for the choice of the lane. */
  lane_reason: string
  /** Endpoints at which clients can reach this gateway. */
  reach: ReachStatus
  /** Number of clients with a grant. */
  clients: number
  /** Number of clients with a grant by the kind of the path to each; `none`: without a path. */
  path_kinds: Record<PathKind | 'none', number>
  /** Clients with a grant and the way to each: those not reached first, a thousand at most. */
  peers: ClientPath[]
  /** Metrics of the loaded plugins, with the plugin's name as the label `plugin`. */
  plugin_metrics: readonly MetricSeries[]
  /** Number of drops by part and reason. */
  dropped: DropCounts
}

/** Client that a gateway serves, and the way to it. */
export interface ClientPath extends PeerPath {
  id: string
  /** IPv4 address of the client in the tunnel. */
  address: string
  /** E-mail address, or else name, of the person or service that uses the client; null if the portal does not tell it. */
  actor: string | null
}

/** Returns the status of a gateway for people and scripts. */
export const gatewayStatusOf = (
  state: GatewayState,
  {
    clocks,
    lane,
    portalUrl,
    problems,
    pluginMetrics,
  }: {
    clocks: ClockPair
    lane: LaneChoice
    portalUrl: string
    problems: readonly HostProblem[]
    pluginMetrics: Pick<PluginMetrics, 'series'>
  },
): GatewayStatus => ({
  at: new Date(clocks.unix).toISOString(),
  // A gateway that cannot carry packets is not shown as connected.
  state:
    state.linkState === 'connected' && (state.transport.problem !== null || problems.some(({ blocks }) => blocks))
      ? 'connecting'
      : state.linkState,
  portal: { url: portalUrl, problem: state.portalProblem ?? null },
  transport: state.transport,
  problems,
  lane: lane.kind,
  lane_reason: lane.reason,
  reach: reachStatus(state.reach),
  clients: state.clientIds.length,
  ...pathsOf(state, clocks),
  plugin_metrics: pluginMetrics.series(),
  dropped: state.counters(),
})

const MAX_PEERS = 1_000

const pathsOf = (state: GatewayState, clocks: ClockPair): Pick<GatewayStatus, 'path_kinds' | 'peers'> => {
  const { paths, reach: own } = state
  const peers = state.grantedClients.map(({ id, ipv4, actor }) => ({
    id,
    address: ipv4,
    actor: actor ?? null,
    ...peerPath(id, { paths, own, other: 'client', clocks }),
  }))
  const kinds = { direct: 0, nat: 0, relayed: 0, websocket: 0, none: 0 }
  for (const { path_kind: kind } of peers) kinds[kind ?? 'none']++
  const isLost = ({ lost_at: at }: ClientPath): number => Number(at !== null)
  return { path_kinds: kinds, peers: peers.toSorted((a, b) => isLost(b) - isLost(a)).slice(0, MAX_PEERS) }
}
