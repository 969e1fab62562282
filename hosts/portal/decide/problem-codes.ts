import type { PresentGateway } from './presence.ts'

/**
 * Counts connected gateways by the problems that keep them from forwarding, for metrics. Codes come from gateways, so at
 * most 64 of them are told apart; further ones count as `other`. A code that was there once is counted as 0 later.
 */
export class ProblemCodes {
  readonly #known = new Set<string>()

  /** Returns the number of gateways with each code. */
  counts(gateways: Iterable<PresentGateway>): Readonly<Record<string, number>> {
    const counts = new Map([...this.#known].map((code) => [code, 0]))
    for (const { problems = [] } of gateways) {
      for (const code of new Set(problems.map(({ code }) => this.#label(code)))) {
        counts.set(code, (counts.get(code) ?? 0) + 1)
      }
    }
    return Object.fromEntries(counts)
  }

  #label(code: string): string {
    const label = this.#known.has(code) || this.#known.size < MAX_CODES ? code : 'other'
    this.#known.add(label)
    return label
  }
}

const MAX_CODES = 64
