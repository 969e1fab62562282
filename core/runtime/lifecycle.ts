/** Something that begins and ends. `start` does the first I/O; `stop` is also called after a start that failed half-way. */
export interface Startable {
  start?: () => Promise<void> | void
  stop?: () => Promise<void> | void
}

/**
 * Starts parts in order and stops them in reverse. Where a start fails, the failed part and those before it are stopped, and
 * the failure is rethrown. Stopping carries on past failures and then throws them together.
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
