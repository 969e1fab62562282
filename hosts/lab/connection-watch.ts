import type { Namespace } from './namespace.ts'
import type { Part } from './part.ts'
import { labProgram } from './program.ts'
import type { Outage } from './program/connection-watch.ts'

const EVERY_MS = 10
/** Answers in a row after which a connection works again: a quarter of a second. */
const STEADY = 25
const TIMEOUT_MS = 60_000

/** Runs `program/connection-watch` on a machine, to measure what a change costs a connection that goes on. */
export class ConnectionWatch {
  readonly #part: Part
  #reports = 0

  private constructor(part: Part) {
    this.#part = part
  }

  /** Starts it and waits for the first answer. */
  static async start(
    machine: Namespace,
    { address, host }: { address: string; host: string },
  ): Promise<ConnectionWatch> {
    const input = JSON.stringify({ address, host, everyMs: EVERY_MS, steady: STEADY })
    const part = machine.spawn(process.execPath, labProgram('connection-watch'), { name: 'connection-watch', input })
    await part.line((line) => line === 'answered', { timeoutMs: TIMEOUT_MS })
    return new ConnectionWatch(part)
  }

  /** Carries out a change and returns what it cost the connection. */
  async during(change: () => Promise<void>): Promise<Outage> {
    this.#part.kill('SIGUSR2')
    await change()
    this.#part.kill('SIGUSR2')
    let seen = 0
    const isNext = (line: string): boolean => line.startsWith('{') && seen++ === this.#reports
    const outage = JSON.parse(await this.#part.line(isNext, { timeoutMs: TIMEOUT_MS })) as Outage
    this.#reports += 1
    return outage
  }

  async end(): Promise<void> {
    await this.#part.stop()
  }
}
