const NONE: ReadonlySet<never> = new Set<never>()

/** Map from each key to a set of values. Keys without values take no memory. */
export class MultiMap<K, V> {
  readonly #sets = new Map<K, Set<V>>()

  add(key: K, value: V): void {
    const values = this.#sets.get(key)
    if (values === undefined) this.#sets.set(key, new Set([value]))
    else values.add(value)
  }

  delete(key: K, value: V): void {
    const values = this.#sets.get(key)
    values?.delete(value)
    if (values?.size === 0) this.#sets.delete(key)
  }

  get(key: K): ReadonlySet<V> {
    return this.#sets.get(key) ?? NONE
  }
}
