/** Runs asynchronous tasks one after another; a failure is reported, and the next task runs. */
export class TaskQueue {
  readonly #onError: (error: unknown, what: string) => void
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(onError: (error: unknown, what: string) => void) {
    this.#onError = onError
  }

  /** Adds a task; `what` names it in the report of a failure. */
  add(what: string, work: () => Promise<void>): void {
    this.#waiting += 1
    this.#last = this.#last
      .then(work)
      .catch((error: unknown) => this.#onError(error, what))
      .finally(() => (this.#waiting -= 1))
  }

  /** Whether all tasks are done. */
  get isIdle(): boolean {
    return this.#waiting === 0
  }

  /** Resolves when all tasks added so far are done. */
  idle(): Promise<void> {
    return this.#last
  }
}
