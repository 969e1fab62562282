import type { Namespace } from './namespace.ts'
import type { Part } from './part.ts'
import { labProgram } from './program.ts'
import type { Reach } from './program/reach-watch.ts'

const EVERY_MS = 50
const TIMEOUT_MS = 500

/** Runs `program/reach-watch` on a machine, to measure to within 50 ms how long a page was unreachable. */
export class ReachWatch {
  readonly #part: Part

  private constructor(part: Part) {
    this.#part = part
  }

  static start(machine: Namespace, { address, host }: { address: string; host: string }): ReachWatch {
    const input = JSON.stringify({ address, host, everyMs: EVERY_MS, timeoutMs: TIMEOUT_MS })
    return new ReachWatch(machine.spawn(process.execPath, labProgram('reach-watch'), { name: 'reach-watch', input }))
  }

  /** Waits for a change that satisfies `fits`; an earlier one counts. */
  async next(fits: (reach: Reach) => boolean, { timeoutMs }: { timeoutMs: number }): Promise<Reach> {
    const isFitting = (line: string): boolean => line.startsWith('{') && fits(JSON.parse(line) as Reach)
    return JSON.parse(await this.#part.line(isFitting, { timeoutMs })) as Reach
  }

  async end(): Promise<void> {
    await this.#part.stop()
  }
}
