/**
 * Gathers values that come one by one, and passes together what came since the event loop last waited. Those that are
 * left at the end are passed by `flush`.
 */
export class Gathered<T> {
  readonly #take: (values: readonly T[]) => void
  #values: T[] = []

  constructor(take: (values: readonly T[]) => void) {
    this.#take = take
  }

  add(value: T): void {
    if (this.#values.push(value) === 1) setImmediate(() => this.flush())
  }

  flush(): void {
    const values = this.#values
    this.#values = []
    if (values.length > 0) this.#take(values)
  }
}
