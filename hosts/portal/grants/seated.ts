import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import type { ConnectedPeers } from './connected-peers.ts'

/** Two heartbeats are overdue. */
const SILENT_AFTER_MS = 25 * SECOND

/** The connection by which a client or gateway is here. */
export interface SeatedConnection {
  connection: string
  /** Whether it has said nothing for so long that its peer is gone, even where a proxy on the way answers pings for it. */
  isSilent: boolean
  remoteIp: string
}

/** Finds the connection by which a client or gateway has joined. */
export const seatedConnection = (peers: ConnectedPeers, peerId: string, now: Instant): SeatedConnection | undefined => {
  const seated = peers.client(peerId) ?? peers.gateway(peerId)
  if (seated === undefined) return undefined
  const { connection, remoteIp, lastHeardAt } = seated
  return { connection, remoteIp, isSilent: now >= after(lastHeardAt, SILENT_AFTER_MS) }
}
