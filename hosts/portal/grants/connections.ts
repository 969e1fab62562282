import type { Dialect } from '../../../core/control/events.ts'
import type { Instant } from '../../../core/runtime/time.ts'
import { TokenBucket } from '../../../core/runtime/token-bucket.ts'
import type { MeasuredRoundTrip } from '../decide/candidate-facts.ts'
import type { Product } from '../decide/product.ts'
import { knowsSites, versionOf } from '../decide/user-agent.ts'

/** A peer with a new WebSocket, which has not joined yet. Its token and parameters were checked. */
export interface AdmittedPeer {
  /** Unique name of the connection, never reused. */
  connection: string
  role: 'client' | 'gateway'
  dialect: Dialect
  /** Id of the peer's row. */
  peerId: string
  tokenId: string
  /** Public key (base64) that the connect wrote to the row. */
  publicKey: string
  /** Whether the peer proved the device key of its row; false for gateways, which have none. */
  isProven: boolean
  /** IP address of the peer in canonical form, without a port. */
  remoteIp: string
  userAgent: string
  /** Key of the tunnel transport with which the peer carries packets. */
  transport: string
  product: Product
  /** Connection of the same peer that did not answer and may be replaced. */
  replaces?: string
}

/** A connection with its state. */
export interface Connection extends AdmittedPeer {
  version: string
  /** Whether the peer reads `sites` and `site_id`, not only their former names. */
  knowsSites: boolean
  isJoined: boolean
  /** Whether the portal has begun to close it; otherwise its end is the peer's, or the network's. */
  isClosing: boolean
  features: ReadonlySet<string>
  lastHeardAt: Instant
  /** Limit of frames that the peer may send, so that no peer slows the portal down for others. */
  allowance: TokenBucket
  /** Limit of messages with facts that a client says of its machine: each has its grants judged again. */
  factAllowance: TokenBucket
  /** Round trips that a client measured, by gateway id, as of its last request. */
  roundTrips: ReadonlyMap<string, MeasuredRoundTrip>
  /** Ids of gateways that a client reported not to reach, as of its last request. */
  unreachableGateways: ReadonlySet<string>
  /** Time of a client's last request. */
  askedAt: Instant | undefined
  /** Resources last sent to a client, as JSON, by id. */
  sentResources: Map<string, string>
}

export type ClientConnection = Connection & { role: 'client' }
export type GatewayConnection = Connection & { role: 'gateway' }

export const isClient = (connection: Connection): connection is ClientConnection => connection.role === 'client'

export const isGateway = (connection: Connection): connection is GatewayConnection => connection.role === 'gateway'

export const openConnection = (peer: AdmittedPeer, now: Instant): Connection => ({
  ...peer,
  version: versionOf(peer.userAgent),
  knowsSites: peer.dialect !== 'v1' || knowsSites(peer.userAgent),
  isJoined: false,
  isClosing: false,
  features: new Set(),
  lastHeardAt: now,
  allowance: new TokenBucket(FRAME_RATE),
  factAllowance: new TokenBucket(FACT_RATE),
  roundTrips: new Map(),
  unreachableGateways: new Set(),
  askedAt: undefined,
  sentResources: new Map(),
})

/** Twice what a client sends. */
const FACT_RATE = { perSecond: 0.4, burst: 10 }
const FRAME_RATE = { perSecond: 50, burst: 500 }
