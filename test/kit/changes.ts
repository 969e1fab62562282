/**
 * Lets a test wait for a condition: the code that changes state calls `happened`, and waiting conditions are checked
 * again.
 */
export class Changes {
  readonly #listeners = new Set<() => void>()

  happened(): void {
    for (const listener of this.#listeners) listener()
  }

  /** Resolves once the condition holds; rejects after `timeoutMs` with `failure`, which names what was waited for. */
  async until(condition: () => boolean, { timeoutMs, failure }: { timeoutMs: number; failure: string }): Promise<void> {
    if (condition()) return
    await new Promise<void>((resolve, reject) => {
      const listener = (): void => {
        if (!condition()) return
        clearTimeout(timer)
        this.#listeners.delete(listener)
        resolve()
      }
      const timer = setTimeout(() => {
        this.#listeners.delete(listener)
        reject(new Error(failure))
      }, timeoutMs)
      this.#listeners.add(listener)
    })
  }
}
