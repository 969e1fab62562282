import { DeadlineQueue } from '../../../core/runtime/deadline-queue.ts'
import type { Deadline } from '../../../core/runtime/machine.ts'
import { after, type Instant, type UnixTime } from '../../../core/runtime/time.ts'

/** A scheduled task, as a handle to cancel it. */
export interface Appointment {
  readonly run: (now: Instant) => void
}

/** Tasks that a machine has to do later, ordered by time. */
export class Agenda {
  readonly #appointments = new DeadlineQueue<Appointment>()

  /** Adds a task. @param reason what the machine waits for, as reported by `deadline` */
  add(at: Instant, reason: string, run: (now: Instant) => void): Appointment {
    const appointment = { run }
    this.#appointments.set(appointment, { at, reason })
    return appointment
  }

  cancel(appointment: Appointment | undefined): void {
    if (appointment !== undefined) this.#appointments.set(appointment, undefined)
  }

  deadline(): Deadline | undefined {
    return this.#appointments.first()
  }

  /** Runs the earliest task that is due; returns false if none is. */
  runNext(now: Instant): boolean {
    const due = this.#appointments.takeDue(now)
    due?.run(now)
    return due !== undefined
  }
}

/**
 * Converts a wall-clock time to the monotonic moment at which the clock will show it; the present moment if it has
 * passed.
 */
export const instantAt = (time: UnixTime, { now, unixNow }: { now: Instant; unixNow: UnixTime }): Instant =>
  after(now, Math.max(0, time - unixNow))
