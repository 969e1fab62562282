import type { Endpoint } from '../runtime/endpoint.ts'
import type { Instant } from '../runtime/time.ts'
import type { Candidate } from './candidate.ts'
import type { IceRole } from './connectivity-check.ts'

/** One way between the two agents and what is known of it. Mutable: it belongs to its agent. */
export interface CandidatePair {
  /** Our socket of the family is bound to all addresses, so the other end alone names the way. */
  readonly path: Endpoint
  remote: Candidate
  /** Ours of the same family that counts for the priority. */
  local: Candidate
  state: 'waiting' | 'checking' | 'valid' | 'failed'
  check: PendingCheck | undefined
  /** When to begin the next check. */
  nextCheckAt: Instant
  /** When the other end last showed that it is there: an answer, a check of its own, an authentic packet. */
  heardAt: Instant | undefined
  /** When it last answered a check. */
  answeredAt: Instant | undefined
  /** Nobody answered the last check that is over. */
  isSilent: boolean
  /** Nobody answered for so long that it is checked no more, until the other end is heard there or names it anew. */
  isGivenUp: boolean
  /** Controlled: the other side has chosen it. */
  nominated: boolean
}

export interface PendingCheck {
  datagram: Uint8Array
  beganAt: Instant
  sentAt: Instant
  tries: number
}

/** A way of which nothing is known yet, to be checked at a time. */
export const newPair = (local: Candidate, remote: Candidate, nextCheckAt: Instant): CandidatePair => ({
  path: remote.endpoint,
  remote,
  local,
  state: 'waiting',
  check: undefined,
  nextCheckAt,
  heardAt: undefined,
  answeredAt: undefined,
  isSilent: false,
  isGivenUp: false,
  nominated: false,
})

/** RFC 8445 §6.1.2.3, as something to compare: the formula's 64 bits do not fit into a number. */
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
