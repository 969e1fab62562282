/** Computes how many packets were dropped since the last report, by reason. */
export class DropReport {
  #before: Readonly<Record<string, number>> = {}

  /**
   * Takes the total counts by part and reason; returns their growth since the last call, summed by reason. Undefined if
   * nothing was dropped.
   */
  since(parts: Readonly<Record<string, Readonly<Record<string, number>>>>): Record<string, number> | undefined {
    const sums: Record<string, number> = {}
    for (const counts of Object.values(parts)) {
      for (const [reason, count] of Object.entries(counts)) sums[reason] = (sums[reason] ?? 0) + count
    }
    const before = this.#before
    this.#before = sums
    const grown = Object.entries(sums)
      .map(([reason, sum]) => [reason, sum - (before[reason] ?? 0)] as const)
      .filter(([, more]) => more > 0)
    return grown.length === 0 ? undefined : Object.fromEntries(grown)
  }
}
