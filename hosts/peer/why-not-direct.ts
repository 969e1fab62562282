import type { GatheringStatus } from '../../core/ice/candidate-gathering.ts'
import type { IndirectReason, PathKind } from '../../core/ice/path-kind.ts'
import { parseAddress } from '../../core/net/ip-address.ts'
import { isOfInternet } from '../../core/net/reserved-range.ts'
import { splitEndpoint, type Endpoint } from '../../core/runtime/endpoint.ts'

/** Both ends' candidates, as far as one end knows them. */
export interface KnownCandidates {
  /** Endpoints that the other end has offered, without those of relays. */
  offered: readonly Endpoint[]
  /** Endpoints of this end, and the STUN servers that it asks. */
  own: Pick<GatheringStatus, 'offers' | 'stun'>
}

/** Finds out why packets take a relay; undefined for a path without one. */
export const whyNotDirect = (kind: PathKind, { offered, own }: KnownCandidates): IndirectReason | undefined => {
  if (kind === 'direct' || kind === 'nat') return undefined
  // A relay that is reached by UDP shows that UDP passes.
  if (kind === 'websocket' && !own.stun.some(({ isAnswering }) => isAnswering === true)) return 'udp_blocked'
  if (offered.length === 0) return 'no_addresses'
  if (!offered.some(isPublic)) return 'private_addresses'
  return own.offers.some(({ endpoint, source }) => source !== 'relay' && isPublic(endpoint))
    ? 'not_let_in'
    : 'own_unknown'
}

/** Says a reason in a sentence or two; `other`: the end that packets go to. */
export const indirectText = (reason: IndirectReason, other: 'gateway' | 'client', offered: readonly Endpoint[]) => {
  const server = 'the portal’s STUN server'
  const remedy = other === 'gateway' ? `advertised_addresses in its gateway.yaml, or ${server}` : server
  switch (reason) {
    case 'udp_blocked':
      return 'Neither a STUN server nor a relay answers this machine by UDP: its network seems to block it.'
    case 'private_addresses':
      return `The ${other} offers only ${shownEndpoints(offered)}, of a private network; it needs an address outside: ${remedy}.`
    case 'no_addresses':
      return `The ${other} offers no address of its own.`
    case 'own_unknown':
      return 'This machine knows no address of its own that is reached from outside: no STUN server and no relay tells it.'
    case 'not_let_in':
      return `Neither end’s NAT or firewall lets packets of the other in; tried: ${shownEndpoints(offered)}.`
  }
}

/** Whether an endpoint's address is one of the Internet. */
export const isPublic = (where: Endpoint): boolean => {
  const address = parseAddress(splitEndpoint(where)?.address ?? '')
  return address !== undefined && isOfInternet(address)
}

/** Most endpoints that a sentence names. */
const MAX_SHOWN = 8

/** Lists endpoints within a sentence. */
export const shownEndpoints = (endpoints: readonly Endpoint[]): string => {
  const more = endpoints.length - MAX_SHOWN
  return `${endpoints.slice(0, MAX_SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
