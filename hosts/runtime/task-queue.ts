/** Asynchronous work in order, one after the other; a failure is reported and the next one goes on. */
export class TaskQueue {
  readonly #onError: (error: unknown, what: string) => void
  #last: Promise<void> = Promise.resolve()

  constructor(onError: (error: unknown, what: string) => void) {
    this.#onError = onError
  }

  /** `what` names the work for the report. */
  add(what: string, work: () => Promise<void>): void {
    this.#last = this.#last.then(work).catch((error: unknown) => this.#onError(error, what))
  }

  /** When everything added so far is done. */
  idle(): Promise<void> {
    return this.#last
  }
}
