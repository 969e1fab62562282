/** Queries in flight by number, so that each can be cancelled. */
export class OpenAsks {
  readonly #controllers = new Map<number, AbortController>()

  /** Runs a query, whose `signal` aborts on `cancel`, and forgets it when it is answered. */
  async begin<Answer>(ask: number, question: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const controller = new AbortController()
    this.#controllers.set(ask, controller)
    try {
      return await question(controller.signal)
    } finally {
      this.#controllers.delete(ask)
    }
  }

  cancel(ask: number): void {
    this.#controllers.get(ask)?.abort()
  }

  cancelAll(): void {
    for (const controller of this.#controllers.values()) controller.abort()
  }
}
