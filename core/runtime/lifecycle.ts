/**
 * Part of a host that is started and stopped. No I/O happens before `start`; `stop` is also called after a `start` that
 * failed.
 */
export interface Startable {
  start?: () => Promise<void> | void
  stop?: () => Promise<void> | void
}

/**
 * Starts parts in order and stops them in reverse order. If a start fails, stops that part and those before it, and
 * throws the error again. When stopping fails, goes on with the other parts, and throws all errors at the end.
 */
export class Lifecycle {
  readonly #begun: Startable[] = []

  async start(parts: readonly Startable[]): Promise<void> {
    for (const part of parts) {
      this.#begun.push(part)
      try {
        await part.start?.()
      } catch (error) {
        await this.stop().catch(() => undefined) // the first failure is the one to report
        throw error
      }
    }
  }

  async stop(): Promise<void> {
    const failures: unknown[] = []
    for (let part = this.#begun.pop(); part !== undefined; part = this.#begun.pop()) {
      try {
        await part.stop?.()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some parts did not stop')
  }
}
