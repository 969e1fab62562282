// How soon silence on the path in use means that the peer is gone. Only checks that were sent since somebody else has answered
// count: the portal, which is asked beside them. It shows that this machine's own network works, and nobody but the portal
// can name another peer in place of the silent one.
import type { PathLoss } from './check-losses.ts'

/** Greatest chance with which a path that works may be taken for dead: that all checks are lost by bad luck. */
const CHANCE = 1e-6
/** Loss that is assumed before checks have shown it: this share of so many checks. */
const ASSUMED: PathLoss = { lost: 1, of: 10 }
/** Most checks that a path gets: with more loss than that it is given up later, by its time alone. */
const MOST_CHECKS = 24
/** Fewest unanswered checks of a peer that the portal has lost too, and of one that only the path is silent about. */
const FEWEST_CHECKS = { told: 5, untold: 7 } as const
/** Interval of checks in milliseconds while they decide. */
const REPEAT_MS = { told: 25, untold: 40 } as const
/** Time in milliseconds that an answer may take longer than the path's round trip. */
const DELAY_MS = 50

/** Checks that a silent path gets before it is left. */
export interface Patience {
  /** Number of unanswered checks. */
  checks: number
  /** Interval between them in milliseconds. */
  repeatMs: number
  /** Time in milliseconds to wait for an answer to the last one. */
  answerMs: number
}

/**
 * Returns the checks that a silent path gets, by the loss that its checks have shown. `roundTripMs` is the longest of the
 * paths to the peer that work; `isTold`: whether the portal has lost the peer, too.
 */
export const patienceOf = ({
  roundTripMs,
  loss,
  isTold,
}: {
  roundTripMs: number
  loss: PathLoss | undefined
  isTold: boolean
}): Patience => {
  const { lost = 0, of = 0 } = loss ?? {}
  const share = (lost + ASSUMED.lost) / (of + ASSUMED.of)
  const kind = isTold ? 'told' : 'untold'
  const enough = Math.ceil(Math.log(CHANCE) / Math.log(share))
  return {
    checks: Math.min(MOST_CHECKS, Math.max(FEWEST_CHECKS[kind], enough)),
    repeatMs: REPEAT_MS[kind],
    answerMs: 2 * roundTripMs + DELAY_MS,
  }
}
