import type { Endpoint } from '../runtime/endpoint.ts'
import type { Instant } from '../runtime/time.ts'
import type { Candidate } from './candidate.ts'
import type { IceRole } from './connectivity-check.ts'

/** A candidate pair (RFC 8445): a path to the other agent and its state. Mutable; owned by its agent. */
export interface CandidatePair {
  /** Remote endpoint. It identifies the pair, as the one local socket of each family is bound to all addresses. */
  readonly path: Endpoint
  remote: Candidate
  /** Local candidate of the same family, used for the pair's priority. */
  local: Candidate
  state: 'waiting' | 'checking' | 'valid' | 'failed'
  check: PendingCheck | undefined
  /** Time of the next check. */
  nextCheckAt: Instant
  /**
   * Time of the last sign of life from the other end on this path: an answer, a check of its own, an authentic packet.
   */
  heardAt: Instant | undefined
  /** Time of the last answer to a check. */
  answeredAt: Instant | undefined
  /** Time in milliseconds from a check to its answer, of the latest one that was answered at once. */
  roundTripMs: number | undefined
  /** Whether the last finished check was not answered. */
  isSilent: boolean
  /**
   * Whether checks have stopped for lack of answers, until the other end is heard on this path or signals the candidate
   * again.
   */
  isGivenUp: boolean
  /** Whether the controlling agent has nominated the pair; used by the controlled agent only. */
  nominated: boolean
}

/** A check that was sent and not answered yet; `tries` counts its transmissions. */
export interface PendingCheck {
  datagram: Uint8Array
  beganAt: Instant
  sentAt: Instant
  tries: number
}

/** Makes a pair in its initial state, to be checked at `nextCheckAt`. */
export const newPair = (local: Candidate, remote: Candidate, nextCheckAt: Instant): CandidatePair => ({
  path: remote.endpoint,
  remote,
  local,
  state: 'waiting',
  check: undefined,
  nextCheckAt,
  heardAt: undefined,
  answeredAt: undefined,
  roundTripMs: undefined,
  isSilent: false,
  isGivenUp: false,
  nominated: false,
})

/**
 * Orders pairs by priority (RFC 8445 §6.1.2.3), lowest first. The formula's 64 bits do not fit into a number, so its
 * parts are compared.
 */
export const comparePairs = (a: CandidatePair, b: CandidatePair, role: IceRole): number => {
  const left = ranks(a, role)
  const right = ranks(b, role)
  return left.lower - right.lower || left.higher - right.higher || left.tie - right.tie
}

const ranks = ({ local, remote }: CandidatePair, role: IceRole) => {
  const controlling = role === 'controlling' ? local.priority : remote.priority
  const controlled = role === 'controlling' ? remote.priority : local.priority
  return {
    lower: Math.min(controlling, controlled),
    higher: Math.max(controlling, controlled),
    tie: controlling > controlled ? 1 : 0,
  }
}
