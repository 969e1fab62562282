import type { GatheringStatus } from '../../core/ice/candidate-gathering.ts'
import type { CandidateSource } from '../../core/ice/local-candidates.ts'

/** Endpoints at which a peer can be reached, for its status. */
export interface ReachStatus {
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
}

/** Returns the status of a peer's candidates. */
export const reachStatus = ({ offers, stun }: GatheringStatus): ReachStatus => ({
  offers,
  stun: stun.map(({ server, mapped, isAnswering }) => ({
    server,
    mapped: mapped ?? null,
    is_answering: isAnswering ?? null,
  })),
})
