/** Lets tests wait for something to become so: whoever changes it says that something happened. */
export class Changes {
  readonly #listeners = new Set<() => void>()

  happened(): void {
    for (const listener of this.#listeners) listener()
  }

  /** Rejects where the condition does not hold in time; `failure` says what was waited for. */
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
