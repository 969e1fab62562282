import { performance } from 'node:perf_hooks'
import type { Clock } from '../../core/runtime/clock.ts'
import { instant, unixTime, type ClockPair, type Instant, type UnixTime } from '../../core/runtime/time.ts'

/** Node's timers fire at once when asked for more than 2^31 - 1 ms (24.8 days): longer waits are cut into such pieces. */
const LONGEST_TIMER_MS = 0x7fff_ffff

/**
 * The machine's clocks: `performance.now`, which never goes backwards, and `Date`. Its timers keep the process alive. Threads begin to count
 * at different moments: a worker is given the `origin` of its parent's clock, and means the same by an instant.
 */
export class SystemClock implements Clock {
  readonly origin: number
  readonly #offset: number

  constructor(origin?: number) {
    const own = monotonicMs() - performance.now()
    this.origin = origin ?? own
    this.#offset = own - this.origin
  }

  now(): Instant {
    return instant(performance.now() + this.#offset)
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
      const wait = Math.min(Math.max(Math.ceil(at - this.now()), 0), LONGEST_TIMER_MS)
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

/** The same for all threads of the process. */
const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6
