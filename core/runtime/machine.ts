import type { Instant } from './time.ts'

/** When to wake a machine, and why: the reason appears in traces and in tests. */
export interface Deadline {
  at: Instant
  reason: string
}

/**
 * Protocol logic without I/O, clock or randomness.
 *
 * - `handle` takes a fact that happened. `now` never goes backwards. Bytes in the input are borrowed: what is kept is copied.
 * - After each `handle`, `poll` until it returns undefined: each output is an effect to carry out. Its bytes belong to the caller.
 * - `deadline` is asked after polling. When it is reached, `wake` is called, and `poll` again.
 * - Synchronous throughout: asynchronous work is an output whose result comes back as an input.
 * - Never throws on what a peer sent: it drops with a reason that is counted.
 */
export interface Machine<Input, Output> {
  handle: (input: Input, now: Instant) => void
  wake: (now: Instant) => void
  poll: () => Output | undefined
  deadline: () => Deadline | undefined
}

/** The earliest of several deadlines, undefined where there is none. */
export const earliest = (...deadlines: (Deadline | undefined)[]): Deadline | undefined => {
  let first: Deadline | undefined
  for (const deadline of deadlines) {
    if (deadline !== undefined && (first === undefined || deadline.at < first.at)) first = deadline
  }
  return first
}
