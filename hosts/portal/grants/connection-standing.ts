import type { UnixTime } from '../../../core/runtime/time.ts'
import { clientStanding, gatewayStanding } from '../decide/standing.ts'
import type { View } from '../decide/view.ts'
import type { Connection } from './connections.ts'

/**
 * Whether, since this connection was made, its peer's row got another public key or another device's proof: then the
 * row describes another device.
 */
export const hasOtherKey = ({ role, peerId, publicKey, isProven }: Connection, view: View): boolean => {
  const row = view.get(role === 'client' ? 'clients' : 'gateways', peerId)
  if (row === undefined) return false
  return row.publicKey !== publicKey || ('isProven' in row && row.isProven !== isProven)
}

/** Returns a stable code of what is wrong with a connected peer, its token or its account; undefined if nothing is. */
export const faultOf = (connection: Connection, view: View, at: UnixTime): string | undefined => {
  const { role, peerId, tokenId } = connection
  const standing =
    role === 'client'
      ? clientStanding(view, { clientId: peerId, tokenId }, at)
      : gatewayStanding(view, { gatewayId: peerId, tokenId }, at)
  return typeof standing === 'string' ? standing : undefined
}
