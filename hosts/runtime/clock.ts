import { performance } from 'node:perf_hooks'
import type { Clock } from '../../core/runtime/clock.ts'
import { instant, SECOND, unixTime, type ClockPair, type Instant, type UnixTime } from '../../core/runtime/time.ts'
import { loadAddon } from './native/addon.ts'

/**
 * Longest time for which a Node timer is armed; a longer wait is split, and the clock is read after each part. Node's
 * timers stand still while the machine is suspended, and they fire at once if asked for more than 2^31 - 1 ms.
 */
const LOOK_EVERY_MS = 5 * SECOND

/**
 * Returns milliseconds since an arbitrary moment, which is the same for all threads of the process. Never decreases.
 */
export type Elapsed = () => number

export interface SystemClockOptions {
  /** Reading of `elapsed` at which this clock's instants begin; by default that of the thread's first clock. */
  origin?: number
  /** Source of elapsed time; the machine's boot time by default. */
  elapsed?: Elapsed
  lookEveryMs?: number
}

/** Origin of the thread's first clock, shared by the others, so that instants of all of them can be compared. */
let firstOrigin: number | undefined

/**
 * Clock of the machine. Instants include the time for which the machine was suspended, so that nothing old passes for
 * fresh afterwards; Unix time is `Date`'s. Timers keep the process alive. A worker thread that is given the `origin` of
 * its parent's clock has comparable instants.
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
      // Rounded up: a timer counts whole milliseconds, and one that fires too early would be armed again and again.
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

/** Source of elapsed time shared by all clocks of this thread; every thread chooses the same kind. */
let chosen: Elapsed | undefined

const systemElapsed = (): Elapsed => (chosen ??= bootTime() ?? monotonicTime())

/** Returns the addon's boot-time clock; undefined if the addon is not installed, as it may be on a portal's machine. */
const bootTime = (): Elapsed | undefined => {
  try {
    const { bootTime } = loadAddon()
    bootTime()
    return bootTime
  } catch {
    return undefined
  }
}

/** Returns a clock that stops during a suspend. `performance.now` alone begins at another moment in each thread. */
const monotonicTime = (): Elapsed => {
  const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now()
  return () => performance.now() + offset
}
