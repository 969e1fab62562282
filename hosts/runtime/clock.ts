import { performance } from 'node:perf_hooks'
import type { Clock } from '../../core/runtime/clock.ts'
import { instant, SECOND, unixTime, type ClockPair, type Instant, type UnixTime } from '../../core/runtime/time.ts'
import { loadAddon } from './native/addon.ts'

/**
 * Node's timers stand still while the machine sleeps, and are late by so much afterwards: a longer wait is cut into such pieces, after each
 * of which the clock is looked at. They also fire at once when asked for more than 2^31 - 1 ms.
 */
const LOOK_EVERY_MS = 5 * SECOND

/** Milliseconds from some moment on, the same for all threads of the process; never backwards. */
export type Elapsed = () => number

export interface SystemClockOptions {
  /** That of the thread's first clock by default. */
  origin?: number
  /** Another one has an origin of its own. */
  elapsed?: Elapsed
  lookEveryMs?: number
}

/** Of the first clock of this thread: all its clocks mean the same. */
let firstOrigin: number | undefined

/**
 * The machine's clocks: what has elapsed, a suspend of the machine included, so that nothing is taken for fresh after it; and `Date`. Its timers
 * keep the process alive. A worker is given the `origin` of its parent's clock, and means the same by an instant.
 */
export class SystemClock implements Clock {
  readonly origin: number
  readonly #elapsed: Elapsed
  readonly #lookEveryMs: number

  constructor({ origin, elapsed = systemElapsed(), lookEveryMs = LOOK_EVERY_MS }: SystemClockOptions = {}) {
    this.#elapsed = elapsed
    this.#lookEveryMs = lookEveryMs
    this.origin = origin ?? (firstOrigin ??= elapsed())
  }

  now(): Instant {
    return instant(this.#elapsed() - this.origin)
  }

  unix(): UnixTime {
    return unixTime(Date.now())
  }

  pair(): ClockPair {
    return { instant: this.now(), unix: this.unix() }
  }

  wake(at: Instant, callback: () => void): () => void {
    let timer: NodeJS.Timeout
    const arm = (): void => {
      // Rounded up: a timer counts whole milliseconds, and a wake-up before its moment would spin.
      const wait = Math.min(Math.max(Math.ceil(at - this.now()), 0), this.#lookEveryMs)
      timer = setTimeout(() => {
        if (this.now() < at) arm()
        else callback()
      }, wait)
    }
    arm()
    return () => {
      clearTimeout(timer)
    }
  }
}

/** One for all clocks of a thread, and of the same kind in each thread. */
let chosen: Elapsed | undefined

const systemElapsed = (): Elapsed => (chosen ??= bootTime() ?? monotonicTime())

/** A machine that has no addon, as a portal's may be, does without what it slept. */
const bootTime = (): Elapsed | undefined => {
  try {
    const { bootTime } = loadAddon()
    bootTime()
    return bootTime
  } catch {
    return undefined
  }
}

/** `performance.now`, which begins at another moment in each thread. */
const monotonicTime = (): Elapsed => {
  const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now()
  return () => performance.now() + offset
}
