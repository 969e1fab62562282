import type { Clock } from './clock.ts'
import type { Machine } from './machine.ts'

export interface Driven<Input> {
  /** Hands a fact to the machine and carries out what follows from it. */
  dispatch: (input: Input) => void
  /** No more inputs are taken and no more wake-ups come. */
  stop: () => void
}

export interface DriveOptions<Output> {
  clock: Clock
  /** Carries out one effect; it may dispatch again, synchronously or later: what arrives while the machine is being drained waits in line. */
  perform: (output: Output) => void
  /** All that followed was carried out: what `perform` gathered may go out. */
  settled?: () => void
}

/** The one loop: due -> wake; drain; perform; arm. */
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
