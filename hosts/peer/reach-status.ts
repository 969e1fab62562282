import type { CandidateSource } from '../../core/ice/local-candidates.ts'
import type { PeerPaths } from '../../core/ice/peer-paths.ts'
import type { UdpState } from '../../core/ice/relay-sockets.ts'
import type { RelayState } from '../../core/turn/relay-client.ts'

/** Endpoints at which a peer can be reached, for its status. */
export interface ReachStatus {
  /** Whether UDP leaves this network; `blocked` where no STUN server and no relay answers, and WebSockets are used. */
  udp: UdpState
  /** Endpoints that the other ends are told, the ones to try first at the beginning. */
  offers: { endpoint: string; source: CandidateSource }[]
  /** STUN servers of the portal that are asked, one of each address family; none if the portal has none. */
  stun: {
    server: string
    /** Endpoint at which this peer appears there; null if it is unknown. */
    mapped: string | null
    /** Whether the last request was answered; null before the first answer or failure. */
    is_answering: boolean | null
  }[]
  /** Relays of the portal that are asked; none if the portal offers none. */
  relays: {
    /** Endpoint of the relay, or the URL of its WebSocket. */
    relay: string
    /** `silent`: it does not answer; `refused`: it answers with an error. */
    state: RelayState
    /** Endpoints at which it relays to this peer. */
    relayed: readonly string[]
    /** Error code of RFC 8656 §19 with which it refused; null if it has not. */
    refusal: number | null
  }[]
}

/** Returns the status of a peer's candidates. */
export const reachStatus = ({ udp, offers, stun, relays }: PeerPaths['reach']): ReachStatus => ({
  udp,
  offers,
  stun: stun.map(({ server, mapped, isAnswering }) => ({
    server,
    mapped: mapped ?? null,
    is_answering: isAnswering ?? null,
  })),
  relays: relays.map(({ relay, state, relayed, refusal }) => ({ relay, state, relayed, refusal: refusal ?? null })),
})
