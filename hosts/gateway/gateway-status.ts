import type { PortalStatus } from '../../core/control/portal-problem.ts'
import type { DropCounts } from '../../core/flow/lane.ts'
import type { TransportStatus } from '../../core/ice/transport-news.ts'
import type { LaneChoice } from '../runtime/lane/choose-lane.ts'
import type { LinkState } from '../peer/portal-side.ts'
import type { GatewayState } from './state.ts'

/** What `portreeve gateway status --json` prints, as it travels on the control socket. */
export interface GatewayStatus {
  /** Its link to the portal, connected while packets can be sealed, too. `unreachable`: the portal does not answer; what was granted goes on. */
  state: LinkState
  /** Where the portal is, and what keeps this gateway from it. */
  portal: PortalStatus
  /** What seals packets, and what keeps it from that. */
  transport: TransportStatus
  /** How packets move: natively in a worker, or one by one in TypeScript. */
  lane: 'native' | 'script'
  /** Why that one. */
  lane_reason: string
  /** How many clients hold a grant. */
  clients: number
  /** Of each part: how often something was dropped, by reason. */
  dropped: DropCounts
}

/** The state as people and scripts see it. */
export const gatewayStatusOf = (
  state: GatewayState,
  { lane, portalUrl }: { lane: LaneChoice; portalUrl: string },
): GatewayStatus => ({
  // Connected is what a client can use.
  state: state.linkState === 'connected' && state.transport.problem !== null ? 'connecting' : state.linkState,
  portal: { url: portalUrl, problem: state.portalProblem ?? null },
  transport: state.transport,
  lane: lane.kind,
  lane_reason: lane.reason,
  clients: state.clientIds.length,
  dropped: state.counters(),
})
