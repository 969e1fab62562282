import { earliest, type Deadline, type Machine } from './machine.ts'
import type { Instant } from './time.ts'

/** Passes an input to a held machine and its outputs to their handler. */
export type Tell<Input> = (input: Input, now: Instant) => void

/**
 * Machines that are parts of another machine. Their outputs go to a handler at once, so that none are left when the
 * outer machine is polled. They are woken in the order in which they were added.
 */
export class HeldMachines {
  readonly #held: { machine: Machine<never, unknown>; drain: (now: Instant) => void }[] = []

  /** Adds a machine and the handler of its outputs, which may pass inputs to this machine or another one. */
  hold<Input, Output>(machine: Machine<Input, Output>, onOutput: (output: Output, now: Instant) => void): Tell<Input> {
    const drain = (now: Instant) => {
      for (let output = machine.poll(); output !== undefined; output = machine.poll()) onOutput(output, now)
    }
    this.#held.push({ machine, drain })
    return (input, now) => {
      machine.handle(input, now)
      drain(now)
    }
  }

  wake(now: Instant): void {
    for (const { machine, drain } of this.#held) {
      machine.wake(now)
      drain(now)
    }
  }

  deadline(): Deadline | undefined {
    return earliest(...this.#held.map(({ machine }) => machine.deadline()))
  }
}
