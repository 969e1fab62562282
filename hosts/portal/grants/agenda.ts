import type { Deadline } from '../../../core/runtime/machine.ts'
import type { Instant } from '../../../core/runtime/time.ts'

/** Something to do at a moment. */
export interface Appointment {
  readonly at: Instant
  readonly reason: string
  readonly run: (now: Instant) => void
  cancelled: boolean
}

/** What a machine has to do later, earliest first: a binary heap, so that a hundred thousand appointments cost little. */
export class Agenda {
  #heap: Appointment[] = []
  #cancelled = 0

  add(at: Instant, reason: string, run: (now: Instant) => void): Appointment {
    const appointment = { at, reason, run, cancelled: false }
    this.#heap.push(appointment)
    this.#up(this.#heap.length - 1)
    return appointment
  }

  cancel(appointment: Appointment | undefined): void {
    if (appointment === undefined || appointment.cancelled) return
    appointment.cancelled = true
    this.#cancelled++
    if (this.#cancelled > 64 && this.#cancelled * 2 > this.#heap.length) this.#compact()
  }

  deadline(): Deadline | undefined {
    this.#skipCancelled()
    const first = this.#heap[0]
    return first === undefined ? undefined : { at: first.at, reason: first.reason }
  }

  /** Does what is due. What is added meanwhile for the same moment is done as well. */
  run(now: Instant): void {
    for (;;) {
      this.#skipCancelled()
      const first = this.#heap[0]
      if (first === undefined || first.at > now) return
      this.#pop()
      // Done once: cancelling it afterwards must not count.
      first.cancelled = true
      first.run(now)
    }
  }

  get size(): number {
    return this.#heap.length
  }

  #skipCancelled(): void {
    while (this.#heap[0]?.cancelled === true) {
      this.#pop()
      this.#cancelled--
    }
  }

  #compact(): void {
    this.#heap = this.#heap.filter(({ cancelled }) => !cancelled).sort((a, b) => a.at - b.at)
    this.#cancelled = 0
  }

  #pop(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#down(0)
  }

  #up(start: number): void {
    let index = start
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (this.#order(parent, index)) return
      this.#swap(parent, index)
      index = parent
    }
  }

  #down(start: number): void {
    let index = start
    for (;;) {
      let least = index
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < this.#heap.length && !this.#order(least, child)) least = child
      }
      if (least === index) return
      this.#swap(least, index)
      index = least
    }
  }

  #order(a: number, b: number): boolean {
    return (this.#heap[a]?.at ?? Infinity) <= (this.#heap[b]?.at ?? Infinity)
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#heap[a], this.#heap[b]]
    if (first === undefined || second === undefined) return
    this.#heap[a] = second
    this.#heap[b] = first
  }
}
