import { performance } from 'node:perf_hooks'
import type { Clock } from '../../core/runtime/clock.ts'
import { instant, unixTime, type ClockPair, type Instant, type UnixTime } from '../../core/runtime/time.ts'

/** Node's timers fire at once when asked for more than 2^31 - 1 ms (24.8 days): longer waits are cut into such pieces. */
const LONGEST_TIMER_MS = 0x7fff_ffff

/** The machine's clocks: `performance.now`, which never goes backwards, and `Date`. Its timers keep the process alive. */
export class SystemClock implements Clock {
  now(): Instant {
    return instant(performance.now())
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
      const wait = Math.min(Math.max(Math.ceil(at - performance.now()), 0), LONGEST_TIMER_MS)
      timer = setTimeout(() => {
        if (performance.now() < at) arm()
        else callback()
      }, wait)
    }
    arm()
    return () => {
      clearTimeout(timer)
    }
  }
}
