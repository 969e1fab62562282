import type { Dialect } from '../../../core/control/events.ts'
import type { Instant } from '../../../core/runtime/time.ts'
import { TokenBucket } from '../../../core/runtime/token-bucket.ts'
import { versionOf } from '../decide/user-agent.ts'

/** A peer's WebSocket, after its token and parameters were found in order. */
export interface PeerConnected {
  /** The host's name for it, never used twice. */
  connection: string
  role: 'client' | 'gateway'
  dialect: Dialect
  /** The id of its row. */
  peerId: string
  tokenId: string
  /** Base64: what its row was given when it connected. */
  publicKey: string
  /** Whether it proved the device key of its row; false for gateways, which have none. */
  isProven: boolean
  /** Canonical, without a port. */
  remoteIp: string
  userAgent: string
  /** Tunnel transport that it carries packets by. */
  transport: string
  /** The connection of the same peer that did not answer, whose place this one may take. */
  replaces?: string
}

/** One connection and what the portal knows of who is behind it. */
export interface Connection extends PeerConnected {
  version: string
  isJoined: boolean
  features: ReadonlySet<string>
  lastHeardAt: Instant
  /** Frames that the peer may still send; refilled over time, so that nobody keeps the portal busy for others. */
  allowance: TokenBucket
  /** For a client: the resources that it was told of, as they were told. */
  told: Map<string, string>
}

export type ClientConnection = Connection & { role: 'client' }
export type GatewayConnection = Connection & { role: 'gateway' }

export const isClient = (connection: Connection): connection is ClientConnection => connection.role === 'client'

export const isGateway = (connection: Connection): connection is GatewayConnection => connection.role === 'gateway'

export const openConnection = (peer: PeerConnected, now: Instant): Connection => ({
  ...peer,
  version: versionOf(peer.userAgent),
  isJoined: false,
  features: new Set(),
  lastHeardAt: now,
  allowance: new TokenBucket(FRAME_RATE),
  told: new Map(),
})

const FRAME_RATE = { perSecond: 50, burst: 500 }
