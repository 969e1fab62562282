import { token } from '../di.ts'
import type { ClockPair, Instant, UnixTime } from './time.ts'

/** Time as a port. `wake` calls back once at or after a moment; what it returns cancels it. */
export interface Clock {
  now: () => Instant
  unix: () => UnixTime
  pair: () => ClockPair
  wake: (at: Instant, callback: () => void) => () => void
}

export const Clock = token<Clock>('clock')
