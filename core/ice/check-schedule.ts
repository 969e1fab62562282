import { earliest, type Deadline } from '../runtime/machine.ts'
import { after, type Instant } from '../runtime/time.ts'
import type { CandidatePair } from './candidate-pair.ts'
import type { CandidatePairs } from './candidate-pairs.ts'
import { checkIntervalMs, hasHope, nextCheckOfHeard, recheckIntervalMs, retransmission } from './check-timing.ts'
import type { PathInUse } from './path-in-use.ts'

export interface CheckScheduleOptions {
  pairs: CandidatePairs
  inUse: PathInUse
  /** Tells whether UDP counts as blocked, so that a silent direct path is left soon; never by default. */
  isUdpBlocked?: (() => boolean) | undefined
}

/** Times at which an agent checks its pairs, by what is known of each and of the path in use. */
export class CheckSchedule {
  readonly #pairs: CandidatePairs
  readonly #inUse: PathInUse
  readonly #isUdpBlocked: () => boolean

  constructor({ pairs, inUse, isUdpBlocked = () => false }: CheckScheduleOptions) {
    this.#pairs = pairs
    this.#inUse = inUse
    this.#isUdpBlocked = isUdpBlocked
  }

  /** Returns the earliest time at which a pair is due. */
  deadline(): Deadline | undefined {
    let first: Deadline | undefined
    for (const pair of this.#pairs) if (!pair.isGivenUp) first = earliest(first, this.due(pair))
    return first
  }

  /** Returns when a pair is checked, its check is repeated, or that has ended without an answer. */
  due(pair: CandidatePair): Deadline {
    const { check } = pair
    if (check === undefined) return { at: pair.nextCheckAt, reason: `check ${pair.path}` }
    const { repeatMs, endMs } = this.retransmission(pair)
    const ends = after(check.beganAt, endMs)
    const repeat = after(check.sentAt, repeatMs)
    return ends < repeat ? { at: ends, reason: 'check unanswered' } : { at: repeat, reason: 'repeat a check' }
  }

  /** Returns after how many milliseconds the check of a pair is repeated, and ends. */
  retransmission(pair: CandidatePair): ReturnType<typeof retransmission> {
    const { tries = 1, beganAt } = pair.check ?? {}
    const isInUse = pair === this.#inUse.selected
    const hasOther = isInUse && beganAt !== undefined && this.#pairs.hasAnswered(beganAt, pair)
    const hasSuccessor = isInUse && this.#pairs.hasSuccessor(pair)
    const isUdpBlocked = this.#isUdpBlocked()
    return retransmission(pair, { tries, hasOther, hasSuccessor, isUdpBlocked }, this.#inUse)
  }

  /** Checks a pair at once, also one that was given up. */
  resume(pair: CandidatePair, now: Instant): void {
    pair.isGivenUp = false
    pair.nextCheckAt = now
  }

  /** Checks all pairs at once whose check is not under way. */
  resumeAll(now: Instant): void {
    for (const pair of this.#pairs) if (pair.check === undefined) this.resume(pair, now)
  }

  /** Checks the path in use at once: the other end is heard from elsewhere, and may have moved. */
  doubt(now: Instant): void {
    const { selected } = this.#inUse
    if (selected !== undefined && selected.check === undefined) selected.nextCheckAt = now
  }

  /** Puts the next check of a pair off, as the other end was heard there. */
  heard(pair: CandidatePair, now: Instant): void {
    pair.heardAt = now
    pair.firstHeardAt ??= now
    if (pair.isGivenUp) this.resume(pair, now)
    if (pair !== this.#inUse.selected) return
    if (pair.check === undefined) pair.nextCheckAt = nextCheckOfHeard(pair, this.#inUse, now)
    else pair.check.beganAt = now
  }

  /** Sets the next check of a pair whose check was answered. */
  answered(pair: CandidatePair, now: Instant): void {
    pair.nextCheckAt = after(now, checkIntervalMs(pair, this.#inUse, now))
  }

  /** Sets the next check of a pair whose check was not answered, if another one is worth it. `hasFailed`: as the agent's. */
  unanswered(pair: CandidatePair, { hasFailed }: { hasFailed: boolean }, now: Instant): void {
    const interval = hasFailed && !hasHope(this.#inUse, now) ? undefined : recheckIntervalMs(pair, this.#inUse, now)
    if (interval === undefined) pair.isGivenUp = true
    else pair.nextCheckAt = after(now, interval)
  }
}
