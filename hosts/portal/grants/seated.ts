import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import type { ConnectedPeers } from './connected-peers.ts'

/** Silence after which a connection counts as dead: two heartbeats are overdue. */
const SILENT_AFTER_MS = 25 * SECOND

/** The present connection of a client or gateway. */
export interface SeatedConnection {
  connection: string
  /** Whether the peer was silent for so long that it must be gone, even if a proxy answers pings in its place. */
  isSilent: boolean
  remoteIp: string
}

/** Finds the connection with which a client or gateway has joined. */
export const seatedConnection = (peers: ConnectedPeers, peerId: string, now: Instant): SeatedConnection | undefined => {
  const seated = peers.client(peerId) ?? peers.gateway(peerId)
  if (seated === undefined) return undefined
  const { connection, remoteIp, lastHeardAt } = seated
  return { connection, remoteIp, isSilent: now >= after(lastHeardAt, SILENT_AFTER_MS) }
}
