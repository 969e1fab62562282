import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import type { Connection } from './connections.ts'
import type { Context } from './context.ts'

/** One heartbeat is overdue: the peer may be cut off. */
const SILENT_AFTER_MS = 12 * SECOND

/**
 * Whether a second connection of a gateway is to be refused, before its WebSocket is made. It is not where the first one is silent and
 * the second has its token and key: the same gateway, cut off from its first connection, comes back.
 */
export const isSeatTaken = (
  context: Context,
  { gatewayId, tokenId, publicKey }: { gatewayId: string; tokenId: string; publicKey: string },
  now: Instant,
): boolean => {
  const first = seated(context, gatewayId)
  if (first === undefined) return false
  const isSame = first.tokenId === tokenId && context.view.get('gateways', gatewayId)?.publicKey === publicKey
  return !isSame || !isSilent(first, now)
}

/** The silent connection whose place a gateway that joins takes. */
export const predecessorOf = (
  context: Context,
  { connection, peerId, tokenId }: Connection,
  now: Instant,
): Connection | undefined => {
  const first = seated(context, peerId)
  if (first === undefined || first.connection === connection) return undefined
  return first.tokenId === tokenId && isSilent(first, now) ? first : undefined
}

const seated = ({ presence, connections }: Context, gatewayId: string): Connection | undefined =>
  connections.get(presence.gatewayConnection(gatewayId) ?? '')

const isSilent = ({ lastHeardAt }: Connection, now: Instant): boolean => now >= after(lastHeardAt, SILENT_AFTER_MS)
