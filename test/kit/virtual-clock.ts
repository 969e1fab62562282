import type { Clock } from '../../core/runtime/clock.ts'
import { instant, unixTime, type ClockPair, type Instant, type UnixTime } from '../../core/runtime/time.ts'

interface Alarm {
  at: Instant
  order: number
  callback: () => void
}

/** A clock that stands still until a test moves it. Alarms go off in order of time, then of arming. */
export class VirtualClock implements Clock {
  #now: Instant
  readonly #offset: number
  #alarms: Alarm[] = []
  #armed = 0

  constructor({ startUnix = Date.UTC(2026, 0, 5, 9, 0, 0) }: { startUnix?: number } = {}) {
    this.#now = instant(1_000)
    this.#offset = startUnix - this.#now
  }

  now(): Instant {
    return this.#now
  }

  unix(): UnixTime {
    return unixTime(this.#now + this.#offset)
  }

  pair(): ClockPair {
    return { instant: this.now(), unix: this.unix() }
  }

  wake(at: Instant, callback: () => void): () => void {
    const alarm: Alarm = { at, order: this.#armed++, callback }
    this.#alarms.push(alarm)
    return () => {
      this.#alarms = this.#alarms.filter((other) => other !== alarm)
    }
  }

  /** Moment of the next alarm, or undefined if none is armed. */
  nextAlarm(): Instant | undefined {
    return this.#first()?.at
  }

  /** Lets time pass, and sets off every alarm that is due on the way. */
  advance(milliseconds: number): void {
    this.advanceTo(instant(this.#now + milliseconds))
  }

  /** Lets time pass while the process is kept from running; alarms that fell due go off late, with the next `advance`. */
  stall(milliseconds: number): void {
    this.#now = instant(this.#now + milliseconds)
  }

  advanceTo(end: Instant): void {
    for (let alarm = this.#first(); alarm !== undefined && alarm.at <= end; alarm = this.#first()) {
      const due = alarm
      this.#alarms = this.#alarms.filter((other) => other !== due)
      if (due.at > this.#now) this.#now = due.at
      due.callback()
    }
    if (end > this.#now) this.#now = end
  }

  #first(): Alarm | undefined {
    let first: Alarm | undefined
    for (const alarm of this.#alarms) {
      if (first === undefined || alarm.at < first.at || (alarm.at === first.at && alarm.order < first.order))
        first = alarm
    }
    return first
  }
}
