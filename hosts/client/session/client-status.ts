import type { PortalStatus } from '../../../core/control/portal-problem.ts'
import type { MetricSeries } from '../../../core/plugin/plugin-metrics.ts'
import type { TransportStatus } from '../../../core/ice/transport-news.ts'
import type { DropCounts } from '../../../core/flow/lane.ts'
import type { HostProblem } from '../../../core/runtime/host-problems.ts'
import type { LinkState } from '../../peer/portal-side.ts'
import type { PeerPath } from '../../peer/peer-path.ts'
import type { ReachStatus } from '../../peer/reach-status.ts'
import type { NameStatus } from '../names/name-findings.ts'

/** Status of a client, as sent over the control socket and printed by `portreeve client status --json`. */
export interface ClientStatus {
  /** Time of this status (ISO 8601); null while signed out. */
  at: string | null
  state: ClientLinkState
  /** Slug of the account; null while signed out. */
  account: string | null
  /** Name of the actor; null while signed out or unknown. */
  actor: string | null
  /** URL of the portal, and the problem in reaching it, if any; null while signed out. */
  portal: PortalStatus | null
  /** Fingerprint of the device key, which an admin compares to verify the device; null while signed out. */
  device_key: string | null
  /** Tunnel transport plugin, and its problem, if any; null while signed out. */
  transport: TransportStatus | null
  /** Problems of this machine's configuration; empty while signed out. */
  problems: readonly HostProblem[]
  /** Lane that packets move in: natively in a worker, or one by one in TypeScript; null while signed out. */
  lane: 'native' | 'script' | null
  /** Reason for the choice of the lane. */
  lane_reason: string | null
  /** Endpoints at which gateways can reach this client; null while signed out. */
  reach: ReachStatus | null
  gateways: GatewayStatus[]
  resources: ResourceStatus[]
  /** Names of resources that sites cannot resolve properly, as last reported by gateways. */
  names: NameStatus[]
  /** DNS servers for names that belong to no resource; problems are resolvers of the account that this client does not ask. */
  dns: { upstreams: string[]; problems: string[] }
  /** Facts of this machine that plugins find out, and whether the portal is told. */
  facts: OwnFactStatus[]
  /** Metrics of the loaded plugins, with the plugin's name as the label `plugin`. */
  plugin_metrics: readonly MetricSeries[]
  /** Number of drops by part and reason. */
  dropped: DropCounts
}

/**
 * State of a client. `unreachable`: the portal does not answer; granted connections continue. `limited`: it does, and
 * packets do not reach a gateway or a resource that was asked for.
 */
export type ClientLinkState = LinkState | 'signed_out' | 'limited'

/** Fact of this machine, for people and scripts. */
export interface OwnFactStatus {
  name: string
  /** Value; null while it is unknown. */
  value: unknown
  /** Whether the portal wants to be told. */
  is_told: boolean
}

/** Gateway that serves this client, and the way to it. */
export interface GatewayStatus extends PeerPath {
  id: string
  name: string | null
}

/**
 * State of a resource. `requested`: the portal has not answered yet; `connecting`: granted, and a path to its gateway
 * is being sought; `connected`: packets pass; `unreachable`: packets do not pass, although it was requested a short
 * while ago.
 */
export type ResourceState = 'idle' | 'requested' | 'connecting' | 'connected' | 'unreachable' | 'denied'

export interface ResourceStatus {
  id: string
  name: string
  address: string | null
  state: ResourceState
  gateway_id: string | null
  /** Code of the reason why it is denied or unreachable, or was withdrawn. */
  reason: string | null
  /** Explanation in sentences, with the obstacles to access; empty if there are none. */
  why: string[]
}
