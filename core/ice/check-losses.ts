import type { Instant } from '../runtime/time.ts'
import type { CandidatePair } from './candidate-pair.ts'

/** Loss on a path: checks that were sent lately and not answered. */
export interface PathLoss {
  /** Number of the checks, repeated ones counted each time, that got no answer. */
  lost: number
  /** Number of checks looked at. */
  of: number
}

/** Number of checks that the loss is told of; older ones are forgotten. */
const CHECKS = 100

/** Count of the checks of the path in use that were lost on the way, there or back. */
export class CheckLosses {
  #rounds: PathLoss[] = []

  /** Loss among the latest checks; undefined before the first. */
  get loss(): PathLoss | undefined {
    if (this.#rounds.length === 0) return undefined
    return this.#rounds.reduce((sum, { lost, of }) => ({ lost: sum.lost + lost, of: sum.of + of }))
  }

  /**
   * Notes that the check of a pair was answered. The answer is taken for that of the transmission a round trip ago, so
   * that a path longer than the interval of repetitions loses nothing by it.
   */
  answered({ check, roundTripMs }: CandidatePair, { repeatMs, now }: { repeatMs: number; now: Instant }): void {
    if (check === undefined) return
    const onTheWay =
      roundTripMs === undefined ? Infinity : Math.max(0, Math.round((roundTripMs - (now - check.sentAt)) / repeatMs))
    const lost = Math.max(0, check.tries - 1 - onTheWay)
    this.#add({ lost, of: lost + 1 })
  }

  /** Notes that the check of a pair was given up. */
  unanswered({ check }: CandidatePair): void {
    if (check !== undefined) this.#add({ lost: check.tries, of: check.tries })
  }

  /** Begins anew, for another path. */
  clear(): void {
    this.#rounds = []
  }

  #add(round: PathLoss): void {
    this.#rounds.push(round)
    let surplus = this.#rounds.reduce((sum, { of }) => sum + of, 0) - CHECKS
    for (let first = this.#rounds[0]; first !== undefined && first.of <= surplus; first = this.#rounds[0]) {
      surplus -= first.of
      this.#rounds.shift()
    }
  }
}
