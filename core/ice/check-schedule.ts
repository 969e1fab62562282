import { earliest, type Deadline } from '../runtime/machine.ts'
import { after, type Instant } from '../runtime/time.ts'
import type { CandidatePair, PendingCheck } from './candidate-pair.ts'
import type { CandidatePairs } from './candidate-pairs.ts'
import { checkIntervalMs, hasHope, nextCheckOfHeard, recheckIntervalMs, retransmission } from './check-timing.ts'
import type { PathInUse } from './path-in-use.ts'
import { patienceOf, type Patience } from './silence.ts'

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
    const { repeatMs, endMs } = this.#usual(pair)
    const usualEnd = after(check.beganAt, endMs)
    const patience = this.#patience(pair)
    if (patience !== undefined && check.confirmed >= patience.checks) {
      // No check is repeated after the last one, since that would put the end off.
      const end = after(check.sentAt, patience.answerMs)
      return { at: end < usualEnd ? end : usualEnd, reason: 'check unanswered' }
    }
    const isPressing = patience !== undefined && check.unheard <= patience.checks
    const repeat = after(check.sentAt, isPressing ? Math.min(repeatMs, patience.repeatMs) : repeatMs)
    return usualEnd < repeat ? { at: usualEnd, reason: 'check unanswered' } : { at: repeat, reason: 'repeat a check' }
  }

  /** Whether a check of a pair, which is due, has ended without an answer. */
  isOver(pair: CandidatePair, check: PendingCheck, now: Instant): boolean {
    if (after(check.beganAt, this.#usual(pair).endMs) <= now) return true
    const patience = this.#patience(pair)
    return patience !== undefined && check.confirmed >= patience.checks
  }

  /** Whether the path in use is silent for longer than an answer takes, so that it matters whether somebody else answers. */
  isQuestionable(pair: CandidatePair, check: PendingCheck, now: Instant): boolean {
    const { selected, role } = this.#inUse
    if (pair !== selected || role !== 'controlling' || pair.roundTripMs === undefined) return false
    return after(check.beganAt, 1.5 * pair.roundTripMs) <= now
  }

  /** Returns after how many milliseconds the check of a pair is repeated, by the interval that serves all paths. */
  repeatMs(pair: CandidatePair): number {
    return this.#usual(pair).repeatMs
  }

  /** Returns the checks that the path in use gets before it is left, while somebody else answers or the portal has lost the peer. */
  #patience(pair: CandidatePair): Patience | undefined {
    const { selected, role, isPeerDoubted: isTold, losses } = this.#inUse
    if (pair !== selected || role !== 'controlling' || pair.check === undefined) return undefined
    if (pair.roundTripMs === undefined || (pair.check.confirmed === 0 && !isTold)) return undefined
    const roundTripMs = Math.max(...[...this.#pairs].map((each) => each.roundTripMs ?? 0))
    return patienceOf({ roundTripMs, loss: losses.loss, isTold })
  }

  #usual(pair: CandidatePair): ReturnType<typeof retransmission> {
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
    else {
      pair.check.beganAt = now
      pair.check.unheard = pair.check.confirmed = 0
    }
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
