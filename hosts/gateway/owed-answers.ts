/** Maximum of references kept for one client and resource, as the portal may repeat a request before it is done. */
const MAX_REFS = 16

/** References of the portal's requests that are not answered yet, by client and resource. */
export class OwedAnswers {
  readonly #refs = new Map<string, string[]>()

  /** Adds the reference of a request. */
  owe(clientId: string, resourceId: string, ref: string): void {
    const key = `${clientId} ${resourceId}`
    this.#refs.set(key, [...(this.#refs.get(key) ?? []), ref].slice(-MAX_REFS))
  }

  /** Removes and returns the references to answer with, once the request is done. */
  settle(clientId: string, resourceId: string): readonly string[] {
    const key = `${clientId} ${resourceId}`
    const refs = this.#refs.get(key) ?? []
    this.#refs.delete(key)
    return refs
  }
}
