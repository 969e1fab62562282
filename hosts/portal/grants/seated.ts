import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import type { Context } from './context.ts'

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
export const seatedConnection = (
  { presence, connections }: Context,
  peerId: string,
  now: Instant,
): SeatedConnection | undefined => {
  const name = presence.clientConnection(peerId) ?? presence.gatewayConnection(peerId)
  const seated = connections.get(name ?? '')
  if (seated === undefined) return undefined
  const { connection, remoteIp, lastHeardAt } = seated
  return { connection, remoteIp, isSilent: now >= after(lastHeardAt, SILENT_AFTER_MS) }
}
