import { token } from '../di.ts'
import type { ClockPair, Instant, UnixTime } from './time.ts'

/**
 * Clock of the host, or a virtual one in tests. `wake` calls back once, at `at` or later, and returns a function that
 * cancels it.
 */
export interface Clock {
  now: () => Instant
  unix: () => UnixTime
  pair: () => ClockPair
  wake: (at: Instant, callback: () => void) => () => void
}

export const Clock = token<Clock>('clock')
