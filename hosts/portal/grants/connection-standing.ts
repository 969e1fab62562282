import type { UnixTime } from '../../../core/runtime/time.ts'
import { clientStanding, gatewayStanding } from '../decide/standing.ts'
import type { View } from '../decide/view.ts'
import type { Connection } from './connections.ts'

/**
 * Whether the row of a connected peer has been given another key since this connection was made, or has been proven by another device: the row is not
 * about this connection then.
 */
export const hasOtherKey = ({ role, peerId, publicKey, isProven }: Connection, view: View): boolean => {
  const row = view.get(role === 'client' ? 'clients' : 'gateways', peerId)
  if (row === undefined) return false
  return row.publicKey !== publicKey || ('isProven' in row && row.isProven !== isProven)
}

/** Stable code of what is wrong with a connected peer, its token or its account; undefined while all is well. */
export const faultOf = (connection: Connection, view: View, at: UnixTime): string | undefined => {
  const { role, peerId, tokenId } = connection
  const standing =
    role === 'client'
      ? clientStanding(view, { clientId: peerId, tokenId }, at)
      : gatewayStanding(view, { gatewayId: peerId, tokenId }, at)
  return typeof standing === 'string' ? standing : undefined
}
