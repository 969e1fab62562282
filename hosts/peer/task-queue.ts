/** Asynchronous work in order, one after the other; a failure is reported and the next one goes on. */
export class TaskQueue {
  readonly #onError: (error: unknown, what: string) => void
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(onError: (error: unknown, what: string) => void) {
    this.#onError = onError
  }

  /** `what` names the work for the report. */
  add(what: string, work: () => Promise<void>): void {
    this.#waiting += 1
    this.#last = this.#last
      .then(work)
      .catch((error: unknown) => this.#onError(error, what))
      .finally(() => (this.#waiting -= 1))
  }

  /** Whether everything added so far is done. */
  get isIdle(): boolean {
    return this.#waiting === 0
  }

  /** When everything added so far is done. */
  idle(): Promise<void> {
    return this.#last
  }
}
