// Timing of connectivity checks: when they are sent, repeated and given up.
import { after, MINUTE, SECOND, type Instant } from '../runtime/time.ts'
import { isRelayed, type CandidatePair } from './candidate-pair.ts'
import type { IceRole } from './connectivity-check.ts'

/** Interval between first checks of different pairs (Ta): the shortest that RFC 8445 §14.2 allows. */
export const PACE_MS = 5
/**
 * Head start in milliseconds of direct pairs over those that pass a relay. Where a direct one answers meanwhile, the first
 * packet does not wait for the work that a relay takes: permissions, channels, and twice the datagrams.
 */
export const HEAD_START_MS = 25
const FIRST_RETRANSMIT_MS = 100
const LAST_RETRANSMIT_MS = 1_000
/** Time after which an unanswered check fails, for pairs that are not in use. */
const CHECK_ENDS_MS = 5 * SECOND
const RECHECK_MS = 10 * SECOND
const RECHECK_WITHOUT_PATH_MS = 1 * SECOND
/** Longest interval of checks of a pair that was never answered, while there is a path. */
const LONGEST_RECHECK_MS = 1 * MINUTE
/** Longest time for which received packets replace checks, as they do not prove that the other direction works. */
const ONE_WAY_MS = 5 * SECOND
/**
 * Timing of checks of the path in use. A dead path is detected within 2.7 s of traffic, but only after at least 14
 * losses in a row.
 */
const ACTIVE_CHECK_MS = 500
/** Silence on the path in use after which what is sent there is doubted. */
const UNHEARD_MS = 150
const DEAD_AFTER_MS = 2_200
const SUSPECT_RETRANSMIT_MS = 150
/** Interval of repetitions once the path is in doubt, so that an answer soon ends the doubt where a fifth of them is lost. */
const DOUBTED_RETRANSMIT_MS = 75
/**
 * Time after which the controlling agent leaves an unanswered path over a relay for a path that has answered meanwhile.
 * Less than the other, as a relay may die at any time; a direct path is left too often that way where a fifth of all
 * datagrams is lost, unless no server answers over UDP either.
 */
const LEAVE_AFTER_MS = 1_000
/**
 * Time after which the controlling agent leaves an unanswered path where the other end has come from elsewhere meanwhile:
 * it has most likely moved. At least three times what a check takes.
 */
const LEAVE_MOVED_AFTER_MS = 350
/** Transmissions of an unanswered check after which the path in use is in doubt. */
export const DOUBTFUL_TRIES = 3
/** Time on a path after which those over relays are not checked any more, but for a spare one, until it is in doubt. */
export const RELAYS_REST_AFTER_MS = 30 * SECOND
/** Factor by which the controlled agent checks less often: the controlling agent's checks serve it too. */
const CONTROLLED_CHECK_FACTOR = 3
const IDLE_AFTER_MS = 20 * SECOND
/**
 * Interval of checks on an idle path, below the shortest NAT binding lifetime met in practice, 30 s (compare RFC 4787
 * REQ-5).
 */
const IDLE_CHECK_MS = 15 * SECOND
/** Time after which a controlling agent without remote candidates gives up. */
export const NO_REMOTE_CANDIDATES_MS = 10 * SECOND
/** Time after which a controlling agent that never had a path gives up. */
export const NO_PATH_MS = 12 * SECOND
/** Time without a path after which a controlling agent that had one gives up, and a controlled one stops checking. */
export const PATH_LOST_MS = 15 * SECOND

/** State of an agent on which its timing depends. */
export interface Circumstances {
  role: IceRole
  selected: CandidatePair | undefined
  trafficAt: Instant | undefined
  withoutPathSince: Instant
}

/** Whether the tunnel has carried no packets for a while. */
export const isIdle = ({ trafficAt }: Circumstances, now: Instant): boolean =>
  trafficAt === undefined || after(trafficAt, IDLE_AFTER_MS) <= now

/** Whether the path was lost, or there was another reason to look for one, only a moment ago. */
export const hasHope = ({ withoutPathSince }: Circumstances, now: Instant): boolean =>
  after(withoutPathSince, PATH_LOST_MS) > now

/**
 * Whether nothing was heard on a pair for so long that what is sent there may be lost. A dead path is found so before
 * TCP's fourth retransmission, which is 3 s after a segment, so that a gateway keeps that one for a client that is away.
 */
export const isUnheard = ({ heardAt }: CandidatePair, role: IceRole, now: Instant): boolean =>
  heardAt === undefined || after(heardAt, role === 'controlling' ? UNHEARD_MS : ACTIVE_CHECK_MS) <= now

/** Whether a check of a pair was sent so lately that its answer may be under way. */
export const isCheckedLately = ({ check }: CandidatePair, now: Instant): boolean =>
  check !== undefined && now < after(check.sentAt, FIRST_RETRANSMIT_MS)

/** Returns the time in milliseconds from an answered check of a pair to its next check. */
export const checkIntervalMs = (pair: CandidatePair, circumstances: Circumstances, now: Instant): number => {
  if (pair !== circumstances.selected) return RECHECK_MS
  const base = isIdle(circumstances, now) ? IDLE_CHECK_MS : ACTIVE_CHECK_MS
  return circumstances.role === 'controlling' ? base : base * CONTROLLED_CHECK_FACTOR
}

/**
 * Returns the time in milliseconds from an unanswered check of a pair to its next check; undefined if checks are to
 * stop. The controlled agent checks addresses that the other end has named, which may be anybody's machine. So it stops
 * for pairs that were never heard, and for all soon after its path is lost: if the other end is still there, its checks
 * will arrive.
 */
export const recheckIntervalMs = (
  pair: CandidatePair,
  circumstances: Circumstances,
  now: Instant,
): number | undefined => {
  const { role, selected } = circumstances
  if (role === 'controlled' && !hasHope(circumstances, now) && (selected === undefined || pair.heardAt === undefined))
    return undefined
  if (selected === undefined) return RECHECK_WITHOUT_PATH_MS
  return pair.answeredAt === undefined ? Math.min(RECHECK_MS * 2 ** pair.failures, LONGEST_RECHECK_MS) : RECHECK_MS
}

/**
 * Returns how a check is repeated: milliseconds from the last transmission to the next, and from the first one to
 * giving up. `hasOther`: whether another path has answered since the first transmission; `hasSuccessor`: whether the other
 * end was heard from elsewhere only since it was last heard on this path, and answers there; `isUdpBlocked`: whether no
 * server answers over UDP.
 */
export const retransmission = (
  pair: CandidatePair,
  {
    tries,
    hasOther,
    hasSuccessor,
    isUdpBlocked,
  }: { tries: number; hasOther: boolean; hasSuccessor: boolean; isUdpBlocked: boolean },
  { selected, role }: Circumstances,
) => {
  if (hasSuccessor && role === 'controlling' && pair === selected) {
    return { repeatMs: SUSPECT_RETRANSMIT_MS, endMs: Math.max(LEAVE_MOVED_AFTER_MS, 3 * (pair.roundTripMs ?? 0)) }
  }
  const mayLeave = hasOther && role === 'controlling' && (isRelayed(pair) || isUdpBlocked)
  return pair === selected
    ? {
        repeatMs: tries < DOUBTFUL_TRIES ? SUSPECT_RETRANSMIT_MS : DOUBTED_RETRANSMIT_MS,
        endMs: mayLeave ? LEAVE_AFTER_MS : DEAD_AFTER_MS,
      }
    : { repeatMs: Math.min(FIRST_RETRANSMIT_MS * 2 ** (tries - 1), LAST_RETRANSMIT_MS), endMs: CHECK_ENDS_MS }
}

/**
 * Returns the next check time of the pair in use after it was heard. Traffic postpones checks, but not for so long that
 * a dead direction goes unnoticed.
 */
export const nextCheckOfHeard = (pair: CandidatePair, circumstances: Circumstances, now: Instant): Instant => {
  const relaxed = after(now, checkIntervalMs(pair, circumstances, now))
  const bound = after(pair.answeredAt ?? now, Math.max(ONE_WAY_MS, checkIntervalMs(pair, circumstances, now)))
  const next = relaxed < bound ? relaxed : bound
  return next > now ? next : now
}
