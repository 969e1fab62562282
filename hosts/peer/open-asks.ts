/** Questions that are under way, by number, so that each can be given up. */
export class OpenAsks {
  readonly #controllers = new Map<number, AbortController>()

  /** Asks, and forgets the question when it is answered. */
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
