/** What was dropped since the report before, summed by reason. */
export class DropReport {
  #before: Readonly<Record<string, number>> = {}

  /** Takes counts that only grow, of each part by reason; undefined where nothing was dropped meanwhile. */
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
