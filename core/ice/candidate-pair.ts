import type { TunnelPath } from '../runtime/path.ts'
import type { Instant } from '../runtime/time.ts'
import type { Candidate } from './candidate.ts'
import type { IceRole } from './connectivity-check.ts'

/** A candidate pair (RFC 8445): a path to the other agent and its state. Mutable; owned by its agent. */
export interface CandidatePair {
  /**
   * Identifies the pair: the remote endpoint where checks leave from this machine's own socket, which is bound to all
   * addresses of its family; a relay's channel where they leave from an allocation there.
   */
  readonly path: TunnelPath
  remote: Candidate
  /**
   * Local candidate from which checks are sent, used for the pair's priority: the allocation, or the first candidate of
   * the own socket's family.
   */
  local: Candidate
  state: 'waiting' | 'checking' | 'valid' | 'failed'
  check: PendingCheck | undefined
  /** Time of the next check. */
  nextCheckAt: Instant
  /**
   * Time of the last sign of life from the other end on this path: an answer, a check of its own, an authentic packet.
   */
  heardAt: Instant | undefined
  /** Time of the first sign of life. */
  firstHeardAt: Instant | undefined
  /** Time of the last answer to a check. */
  answeredAt: Instant | undefined
  /** Time in milliseconds from a check to its answer, of the latest one that was answered at once. */
  roundTripMs: number | undefined
  /** Whether the last finished check was not answered. */
  isSilent: boolean
  /** Number of finished checks in a row that were not answered. */
  failures: number
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
  /** Number of transmissions since the other end was last heard on the path. */
  unheard: number
  /** Number of those that had been sent when somebody else last answered this machine. */
  confirmed: number
}

/** Makes a pair in its initial state, to be checked at `nextCheckAt`. */
export const newPair = (
  path: TunnelPath,
  { local, remote, nextCheckAt }: { local: Candidate; remote: Candidate; nextCheckAt: Instant },
): CandidatePair => ({
  path,
  remote,
  local,
  state: 'waiting',
  check: undefined,
  nextCheckAt,
  heardAt: undefined,
  firstHeardAt: undefined,
  answeredAt: undefined,
  roundTripMs: undefined,
  isSilent: false,
  failures: 0,
  isGivenUp: false,
  nominated: false,
})

/** Whether datagrams of a pair pass a relay, be it this end's or the other end's. */
export const isRelayed = ({ local, remote }: Pick<CandidatePair, 'local' | 'remote'>): boolean =>
  local.type === 'relay' || remote.type === 'relay'

/** Whether two pairs pass a common relay: both fail if it does. */
export const shareRelay = (a: CandidatePair, b: CandidatePair): boolean => {
  const [mine, its] = [relaysOf(a), relaysOf(b)]
  return mine.some((address) => its.includes(address))
}

/** Returns the addresses at a pair's ends that are a relay's, or may be: what was learned from a check does not say. */
const relaysOf = ({ local, remote }: CandidatePair): string[] => [
  ...(local.type === 'relay' ? [local.address] : []),
  ...(remote.type === 'relay' || remote.type === 'prflx' ? [remote.address] : []),
]

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
