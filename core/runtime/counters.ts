/** Counters by reason. Reasons are constants of the code, never text from a peer. */
export class Counters<Reason extends string = string> {
  readonly #counts = new Map<Reason, number>()

  count(reason: Reason): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1)
  }

  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts)
  }
}
