import type { Clock } from './clock.ts'
import type { Machine } from './machine.ts'

/** A running machine. */
export interface Driven<Input> {
  /** Passes an input to the machine and performs the outputs that follow. */
  dispatch: (input: Input) => void
  /** Ignores all further inputs and deadlines. */
  stop: () => void
}

export interface DriveOptions<Output> {
  clock: Clock
  /**
   * Performs one output. May dispatch further inputs, at once or later: they wait until the machine has been polled
   * empty.
   */
  perform: (output: Output) => void
  /** Called when all outputs were performed, to send the batches that `perform` has collected. */
  settled?: () => void
}

/** Runs a machine: wakes it at its deadlines, passes inputs to it, performs its outputs. */
export const drive = <Input, Output>(
  machine: Machine<Input, Output>,
  { clock, perform, settled }: DriveOptions<Output>,
): Driven<Input> => {
  const waiting: Input[] = []
  let running = false
  let stopped = false
  let armedAt: number | undefined
  let disarm: (() => void) | undefined

  const drain = () => {
    for (let output = machine.poll(); output !== undefined; output = machine.poll()) perform(output)
  }

  const run = () => {
    if (running || stopped) return
    running = true
    try {
      do {
        const due = machine.deadline()
        const now = clock.now()
        if (due !== undefined && due.at <= now) machine.wake(now)
        drain()
        for (let input = waiting.shift(); input !== undefined; input = waiting.shift()) {
          machine.handle(input, clock.now())
          drain()
        }
      } while (isDue(machine, clock))
    } finally {
      running = false
    }
    arm()
    settled?.()
  }

  const arm = () => {
    const next = stopped ? undefined : machine.deadline()?.at
    if (next === armedAt) return
    disarm?.()
    armedAt = next
    disarm = undefined
    if (next === undefined) return
    disarm = clock.wake(next, () => {
      armedAt = undefined
      disarm = undefined
      run()
    })
  }

  arm()
  return {
    dispatch: (input) => {
      if (stopped) return
      waiting.push(input)
      run()
    },
    stop: () => {
      stopped = true
      waiting.length = 0
      disarm?.()
    },
  }
}

const isDue = (machine: Machine<never, unknown>, clock: Clock): boolean => {
  const due = machine.deadline()
  return due !== undefined && due.at <= clock.now()
}
