/**
 * Gathers values that come one by one or few at a time, and passes together what came since the event loop last waited. Those that are
 * left at the end are passed by `flush`.
 */
export class Gathered<T> {
  readonly #take: (values: readonly T[]) => void
  #values: T[] = []

  constructor(take: (values: readonly T[]) => void) {
    this.#take = take
  }

  add(...values: readonly T[]): void {
    if (values.length > 0 && this.#values.push(...values) === values.length) setImmediate(() => this.flush())
  }

  flush(): void {
    const values = this.#values
    this.#values = []
    if (values.length > 0) this.#take(values)
  }
}
