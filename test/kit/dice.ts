import { integerBelow } from '../../core/runtime/random.ts'
import { SeededRandom } from './seeded-random.ts'

/** Choices from a seed: the same ones in the same order for ever. */
export class Dice {
  readonly #random: SeededRandom

  constructor(seed: string) {
    this.#random = new SeededRandom(seed)
  }

  /** 0 … limit - 1 */
  below(limit: number): number {
    return integerBelow(this.#random, limit)
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0
  }

  /** Undefined only of nothing. */
  pick<T>(choices: readonly [T, ...T[]]): T
  pick<T>(choices: readonly T[]): T | undefined
  pick<T>(choices: readonly T[]): T | undefined {
    return choices[this.below(Math.max(1, choices.length))]
  }
}
