/** One thing may be asked for more than once before it is done. */
const MAX_REFS = 16

/** What the portal waits to hear of, by client and resource: the references that it gave. */
export class OwedAnswers {
  readonly #refs = new Map<string, string[]>()

  owe(clientId: string, resourceId: string, ref: string): void {
    const key = `${clientId} ${resourceId}`
    this.#refs.set(key, [...(this.#refs.get(key) ?? []), ref].slice(-MAX_REFS))
  }

  /** It is done: the references to answer with, which are owed no more. */
  settle(clientId: string, resourceId: string): readonly string[] {
    const key = `${clientId} ${resourceId}`
    const refs = this.#refs.get(key) ?? []
    this.#refs.delete(key)
    return refs
  }
}
