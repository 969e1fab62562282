import type { PortalStatus } from '../../../core/control/portal-problem.ts'
import type { TransportStatus } from '../../../core/ice/transport-news.ts'
import type { DropCounts } from '../../../core/flow/lane.ts'
import type { NameStatus } from '../names/name-findings.ts'

/** What `portreeve client status --json` prints, as it travels on the control socket. */
export interface ClientStatus {
  state: LinkState
  /** The account's slug, null while signed out. */
  account: string | null
  /** The actor's name, null while signed out or unknown. */
  actor: string | null
  /** Where the portal is, and what keeps this client from it; null while signed out. */
  portal: PortalStatus | null
  /** Fingerprint of this device's own key, as an admin sees it who verifies the device; null while signed out. */
  device_key: string | null
  /** What seals packets, and what keeps it from that; null while signed out. */
  transport: TransportStatus | null
  /** How packets move: natively in a worker, or one by one in TypeScript; null while signed out. */
  lane: 'native' | 'script' | null
  /** Why that one. */
  lane_reason: string | null
  gateways: GatewayStatus[]
  resources: ResourceStatus[]
  /** Names of resources that their sites have trouble with, as their gateways last found. */
  names: NameStatus[]
  /** The servers that are asked for names that are no resource's. */
  dns: { upstreams: string[] }
  /** Of each part: how often something was dropped, by reason. */
  dropped: DropCounts
}

/** `unreachable`: the portal does not answer; connections that were granted go on. */
export type LinkState = 'signed_out' | 'connecting' | 'connected' | 'unreachable'

export interface GatewayStatus {
  id: string
  name: string | null
  /** The path that packets take: `192.0.2.1:52625`, null while there is none. */
  path: string | null
  /** The largest packet, in bytes, that is sent along it: 1280 until it was shown to take larger ones. */
  mtu: number
  /** ISO 8601, null before the first one. */
  last_handshake: string | null
}

/**
 * `requested`: the portal has not answered yet; `connecting`: it is granted, and a path to its gateway is being looked for; `connected`: packets
 * pass; `unreachable`: they do not, though it was asked for a short while ago.
 */
export type ResourceState = 'idle' | 'requested' | 'connecting' | 'connected' | 'unreachable' | 'denied'

export interface ResourceStatus {
  id: string
  name: string
  address: string | null
  state: ResourceState
  gateway_id: string | null
  /** Why it is denied or unreachable, or was withdrawn: a code. */
  reason: string | null
  /** The same in words, a sentence each, with what stands in the way; none where nothing does. */
  why: string[]
}
