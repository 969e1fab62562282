import type { Coordinates } from '../../../core/contract/relay-provider.ts'
import type { Endpoint } from '../../../core/runtime/endpoint.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import type { PresentRelay } from '../decide/relay-choice.ts'
import type { ProbeState } from './relay-probes.ts'

/** Endpoint of a relay, and whether peers are told of it. */
export interface EndpointStanding {
  endpoint: Endpoint
  state: ProbeState | 'not_probed'
  isOffered: boolean
  /** Time since which it is in this state; null for one that is not probed. */
  since: UnixTime | null
}

/** Relay of a provider, and whether peers are offered it. */
export interface RelayStanding {
  id: string
  /** Key of the plugin that provides it. */
  provider: string
  name: string
  endpoints: readonly EndpointStanding[]
  websocketUrl: string | null
  place: Coordinates | null
  /** Account whose peers alone are offered it; null: all accounts. */
  accountId: string | null
  isOffered: boolean
  /** Time since which it is offered, or is not. */
  since: UnixTime
  /** Explanation of what keeps it, or an endpoint of it, from being offered; null if nothing does. */
  problem: string | null
}

/** Describes a relay for people. */
export const standingOf = (
  relay: PresentRelay & { isOffered: boolean; since: UnixTime },
  endpoints: readonly EndpointStanding[],
): RelayStanding => ({
  id: relay.id,
  provider: relay.provider,
  name: relay.name,
  endpoints,
  websocketUrl: relay.websocketUrl ?? null,
  place: relay.place ?? null,
  accountId: relay.accountId ?? null,
  isOffered: relay.isOffered,
  since: relay.since,
  problem: problemOf(endpoints),
})

/**
 * Returns a sentence about relays that are not offered; none if all are. It names no relay, as anybody may ask whether a
 * portal is ready.
 */
export const relayNotes = (standings: readonly Pick<RelayStanding, 'isOffered'>[]): string[] => {
  const silent = standings.filter(({ isOffered }) => !isOffered).length
  if (silent === 0) return []
  const effect =
    silent === standings.length ? 'peers without a direct path are not connected' : 'peers are offered the others'
  return [`${silent} of ${standings.length} relays are not offered to peers: ${effect}. GET /api/v1/relays says why.`]
}

/** Explains what keeps endpoints from being offered, in a sentence each; null if nothing does. */
export const problemOf = (endpoints: readonly EndpointStanding[]): string | null => {
  const sentences = endpoints.flatMap(({ endpoint, state, isOffered }) => {
    const text = PROBLEMS[state]
    return isOffered || text === undefined ? [] : [`${endpoint} ${text}.`]
  })
  return sentences.length === 0 ? null : sentences.join(' ')
}

const PROBLEMS: Readonly<Partial<Record<EndpointStanding['state'], string>>> = {
  asked: 'has not answered STUN yet',
  silent:
    'does not answer STUN: see whether the relay runs, and whether firewalls let UDP to this port pass. If the portal may send no UDP, set relays.probe to false',
  unreachable:
    'cannot be reached from the portal’s machine, which has no way to this address, and no other endpoint of the relay answers',
}
