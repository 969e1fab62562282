import type { Deadline } from './machine.ts'
import type { Instant } from './time.ts'

/**
 * Queue of deadlines by owner, a binary heap: the earliest is found at once, a change takes log n steps for n owners.
 * For machines that contain very many others.
 */
export class DeadlineQueue<Owner> {
  readonly #entries = new Map<Owner, Entry<Owner>>()
  /** Binary heap: the children of index `at` are at `2 * at + 1` and `2 * at + 2`; no child comes before its parent. */
  readonly #heap: Entry<Owner>[] = []
  #entered = 0

  get size(): number {
    return this.#heap.length
  }

  /** Sets or replaces an owner's deadline; undefined removes it. */
  set(owner: Owner, deadline: Deadline | undefined): void {
    const entry = this.#entries.get(owner)
    if (deadline === undefined) {
      if (entry !== undefined) this.#remove(entry)
      return
    }
    if (entry === undefined) return this.#add(owner, deadline)
    const before = entry.deadline.at
    entry.deadline = deadline
    if (deadline.at < before) this.#rise(entry)
    else if (deadline.at > before) this.#sink(entry)
  }

  /** Sets an owner's deadline unless it has an earlier one. */
  hasten(owner: Owner, deadline: Deadline): void {
    const entry = this.#entries.get(owner)
    if (entry === undefined || deadline.at < entry.deadline.at) this.set(owner, deadline)
  }

  /** Returns the earliest deadline. */
  first(): Deadline | undefined {
    return this.#heap[0]?.deadline
  }

  /** Removes and returns one owner whose deadline is reached, the earliest, or the first added among equals. */
  takeDue(now: Instant): Owner | undefined {
    const entry = this.#heap[0]
    if (entry === undefined || entry.deadline.at > now) return undefined
    this.#remove(entry)
    return entry.owner
  }

  #add(owner: Owner, deadline: Deadline): void {
    const entry = { owner, deadline, order: this.#entered++, at: this.#heap.length }
    this.#entries.set(owner, entry)
    this.#heap.push(entry)
    this.#rise(entry)
  }

  #remove(entry: Entry<Owner>): void {
    this.#entries.delete(entry.owner)
    const last = this.#heap.pop()
    if (last === undefined || last === entry) return
    this.#place(last, entry.at)
    this.#rise(last)
    this.#sink(last)
  }

  #rise(entry: Entry<Owner>): void {
    while (entry.at > 0) {
      const parent = this.#heap[(entry.at - 1) >> 1]
      if (parent === undefined || !isBefore(entry, parent)) return
      const { at } = parent
      this.#place(parent, entry.at)
      this.#place(entry, at)
    }
  }

  #sink(entry: Entry<Owner>): void {
    for (;;) {
      const [left, right] = [this.#heap[2 * entry.at + 1], this.#heap[2 * entry.at + 2]]
      const child = left !== undefined && right !== undefined && isBefore(right, left) ? right : left
      if (child === undefined || !isBefore(child, entry)) return
      const { at } = child
      this.#place(child, entry.at)
      this.#place(entry, at)
    }
  }

  #place(entry: Entry<Owner>, at: number): void {
    this.#heap[at] = entry
    entry.at = at
  }
}

interface Entry<Owner> {
  readonly owner: Owner
  readonly order: number
  deadline: Deadline
  /** Index in the heap. */
  at: number
}

const isBefore = (a: Entry<unknown>, b: Entry<unknown>): boolean =>
  a.deadline.at < b.deadline.at || (a.deadline.at === b.deadline.at && a.order < b.order)
