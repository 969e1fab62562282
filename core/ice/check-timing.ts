// When checks are sent, repeated and given up.
import { after, SECOND, type Instant } from '../runtime/time.ts'
import type { CandidatePair } from './candidate-pair.ts'
import type { IceRole } from './connectivity-check.ts'

/** Between first checks of different pairs: RFC 8445 §14.2 allows 5 ms for what is no media. */
export const PACE_MS = 20
const FIRST_RETRANSMIT_MS = 100
const LAST_RETRANSMIT_MS = 1_000
/** An unanswered check of a pair that is not in use is over after this. */
const CHECK_ENDS_MS = 5 * SECOND
const RECHECK_MS = 10 * SECOND
const RECHECK_WITHOUT_PATH_MS = 1 * SECOND
/** Packets that arrive show nothing of the other direction: for no longer than this. */
const ONE_WAY_MS = 5 * SECOND
/** Together: a dead path is known after at most 2.7 s of traffic, and by 14 losses in a row at the least. */
const ACTIVE_CHECK_MS = 500
const DEAD_AFTER_MS = 2_200
const SUSPECT_RETRANSMIT_MS = 150
/** The controlled side leaves checking to the other one, while that one does check. */
const CONTROLLED_CHECK_FACTOR = 3
const IDLE_AFTER_MS = 20 * SECOND
/** Below the shortest binding lifetime that RFC 4787 REQ-5 lets a NAT have in practice, 30 s. */
const IDLE_CHECK_MS = 15 * SECOND
export const NO_REMOTE_CANDIDATES_MS = 10 * SECOND
export const NO_PATH_MS = 12 * SECOND
export const PATH_LOST_MS = 15 * SECOND

/** What the agent's times depend on. */
export interface Circumstances {
  role: IceRole
  selected: CandidatePair | undefined
  trafficAt: Instant | undefined
  withoutPathSince: Instant
}

export const isIdle = ({ trafficAt }: Circumstances, now: Instant): boolean =>
  trafficAt === undefined || after(trafficAt, IDLE_AFTER_MS) <= now

/** From an answer to the next check of the pair. */
export const checkIntervalMs = (pair: CandidatePair, circumstances: Circumstances, now: Instant): number => {
  if (pair !== circumstances.selected) return RECHECK_MS
  const base = isIdle(circumstances, now) ? IDLE_CHECK_MS : ACTIVE_CHECK_MS
  return circumstances.role === 'controlling' ? base : base * CONTROLLED_CHECK_FACTOR
}

/**
 * From a check that nobody answered to the next one of the pair; undefined for none. The controlled side checks where the other one says, which may be
 * anybody's machine: it leaves a place that never answered, and all of them soon after its path is gone. The other end will ask, if it is
 * still there.
 */
export const recheckIntervalMs = (
  pair: CandidatePair,
  circumstances: Circumstances,
  now: Instant,
): number | undefined => {
  const { role, selected, withoutPathSince } = circumstances
  const hasHope = after(withoutPathSince, PATH_LOST_MS) > now
  if (role === 'controlled' && !hasHope && (selected === undefined || pair.heardAt === undefined)) return undefined
  return selected === undefined ? RECHECK_WITHOUT_PATH_MS : RECHECK_MS
}

/** From the latest sending of a check to its repetition, and from its first one to its end. */
export const retransmission = (pair: CandidatePair, tries: number, { selected }: Circumstances) =>
  pair === selected
    ? { repeatMs: SUSPECT_RETRANSMIT_MS, endMs: DEAD_AFTER_MS }
    : { repeatMs: Math.min(FIRST_RETRANSMIT_MS * 2 ** (tries - 1), LAST_RETRANSMIT_MS), endMs: CHECK_ENDS_MS }

/** When a pair in use that was just heard is to be checked: late, but not so late that only one direction could be alive. */
export const nextCheckOfHeard = (pair: CandidatePair, circumstances: Circumstances, now: Instant): Instant => {
  const relaxed = after(now, checkIntervalMs(pair, circumstances, now))
  const bound = after(pair.answeredAt ?? now, Math.max(ONE_WAY_MS, checkIntervalMs(pair, circumstances, now)))
  const next = relaxed < bound ? relaxed : bound
  return next > now ? next : now
}
