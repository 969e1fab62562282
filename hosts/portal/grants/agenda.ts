import { DeadlineQueue } from '../../../core/runtime/deadline-queue.ts'
import type { Deadline } from '../../../core/runtime/machine.ts'
import { after, type Instant, type UnixTime } from '../../../core/runtime/time.ts'

/** Something to do at a moment; by it the agenda finds what is to be cancelled. */
export interface Appointment {
  readonly run: (now: Instant) => void
}

/** Everything that a machine has to do later, earliest first. */
export class Agenda {
  readonly #appointments = new DeadlineQueue<Appointment>()

  /**
   * Adds an appointment.
   * @param reason what is waited for, as `deadline` says it
   */
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

  /** Does the earliest thing that is due. Returns false where nothing is. */
  runNext(now: Instant): boolean {
    const due = this.#appointments.takeDue(now)
    due?.run(now)
    return due !== undefined
  }
}

/** Monotonic moment at which the wall clock shows a time; the present one where that is over. */
export const instantAt = (time: UnixTime, { now, unixNow }: { now: Instant; unixNow: UnixTime }): Instant =>
  after(now, Math.max(0, time - unixNow))
