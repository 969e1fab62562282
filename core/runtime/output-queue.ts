/** Queue of a machine's outputs that have not been polled yet. */
export class OutputQueue<T> {
  #items: T[] = []
  #next = 0

  push(item: T): void {
    this.#items.push(item)
  }

  poll(): T | undefined {
    const item = this.#items[this.#next]
    if (item === undefined) return undefined
    this.#next++
    if (this.#next === this.#items.length) {
      this.#items = []
      this.#next = 0
    }
    return item
  }
}
