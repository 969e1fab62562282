import type { Instant } from './time.ts'

/** Time at which to wake a machine, and why; the reason appears in traces and tests. */
export interface Deadline {
  at: Instant
  reason: string
}

/**
 * State machine with protocol logic, without I/O and without a clock or random source of its own.
 *
 * - `handle` takes an input: something that happened. `now` never goes backwards. Bytes in the input are borrowed: the
 *   machine copies what it keeps.
 * - After each `handle`, call `poll` until it returns undefined: each output is an effect to perform. Its bytes belong to
 *   the caller.
 * - Then ask for the `deadline`. When it is reached, call `wake`, and `poll` again.
 * - Everything is synchronous: asynchronous work is an output whose result comes back as an input.
 * - Input from a peer never makes it throw: it drops malformed input and counts the reason.
 */
export interface Machine<Input, Output> {
  handle: (input: Input, now: Instant) => void
  wake: (now: Instant) => void
  poll: () => Output | undefined
  deadline: () => Deadline | undefined
}

/** Returns the earliest of several deadlines; undefined if there is none. */
export const earliest = (...deadlines: (Deadline | undefined)[]): Deadline | undefined => {
  let first: Deadline | undefined
  for (const deadline of deadlines) {
    if (deadline !== undefined && (first === undefined || deadline.at < first.at)) first = deadline
  }
  return first
}
