import { integerBelow, type GatewaySelector, type Random, type Selection, type SelectionQuestion } from 'portreeve'

/** Gateway selector that chooses among the candidates with equal probability. */
export class RandomSelector implements GatewaySelector {
  readonly #random: Random

  constructor({ random }: { random: Random }) {
    this.#random = random
  }

  select({ candidates }: SelectionQuestion): Selection {
    const chosen = candidates[integerBelow(this.#random, candidates.length)] ?? candidates[0]
    return { gatewayId: chosen.id, reason: `one of ${candidates.length}, drawn at random` }
  }
}
