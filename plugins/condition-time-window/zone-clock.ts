import { WEEK_MS } from './week.ts'

const MINUTE_MS = 60_000
const QUARTER_MS = 15 * MINUTE_MS
const MONDAY_MS = 4 * 24 * 60 * MINUTE_MS // 1970-01-05 was a Monday

/**
 * Wall clock of an IANA time zone. Assumes that offsets change at quarters of an hour only, as in all zones since the
 * 1970s.
 */
export class ZoneClock {
  readonly #format: Intl.DateTimeFormat
  /** Last period, in whole quarters of an hour, for which the offset is known. One suffices, as times mostly ascend. */
  #steady = { from: 0, to: 0, offset: 0 }

  constructor(zone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'iso8601',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    })
  }

  /** Returns the wall clock's milliseconds since Monday 00:00 at a Unix time. */
  timeOfWeek(at: number): number {
    const time = (at + this.offset(at) - MONDAY_MS) % WEEK_MS
    return time < 0 ? time + WEEK_MS : time
  }

  /** Returns the milliseconds by which the wall clock is ahead of UTC at a Unix time. */
  offset(at: number): number {
    const { from, to, offset } = this.#steady
    if (from <= at && at < to) return offset
    const start = Math.floor(at / QUARTER_MS) * QUARTER_MS
    this.#steady = { from: start, to: start + QUARTER_MS, offset: this.#offsetAt(start) }
    return this.#steady.offset
  }

  /**
   * Returns the first time in `(start, end]` with another offset than at `start`; undefined if there is none. `end` is
   * at most a week after `start`: no zone has changed its offset and changed it back within a week.
   */
  nextOffsetChange(start: number, end: number): number | undefined {
    const offset = this.offset(start)
    if (end < this.#steady.to) return undefined
    let [low, high] = [Math.floor(start / QUARTER_MS), Math.floor(end / QUARTER_MS)]
    if (this.#offsetAt(high * QUARTER_MS) === offset) {
      this.#steady = { ...this.#steady, to: (high + 1) * QUARTER_MS }
      return undefined
    }
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.#offsetAt(middle * QUARTER_MS) === offset) low = middle
      else high = middle
    }
    return high * QUARTER_MS
  }

  #offsetAt(at: number): number {
    const parts: Record<string, number> = {}
    for (const { type, value } of this.#format.formatToParts(at)) parts[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
    return Date.UTC(year, month - 1, day, hour, minute, second) - at
  }
}
