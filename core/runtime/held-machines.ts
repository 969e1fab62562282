import { earliest, type Deadline, type Machine } from './machine.ts'
import type { Instant } from './time.ts'

/** Hands a fact to a held machine, and on what follows from it. */
export type Tell<Input> = (input: Input, now: Instant) => void

/**
 * The machines that a machine is made of. What they want goes to whom it is for at once, so that nothing of theirs is left when their holder
 * is polled. They are woken in the order in which they were taken.
 */
export class HeldMachines {
  readonly #held: { machine: Machine<never, unknown>; drain: (now: Instant) => void }[] = []

  /** `onOutput` may tell this machine or another one something again. */
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
