/** How often something happened, by reason. The reasons are the code's own texts, never a peer's. */
export class Counters<Reason extends string = string> {
  readonly #counts = new Map<Reason, number>()

  count(reason: Reason): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1)
  }

  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts)
  }
}
