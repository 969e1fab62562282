import { integerBelow } from '../../core/runtime/random.ts'
import { SeededRandom } from './seeded-random.ts'

/** Random choices from a seed: the same seed gives the same choices in the same order for ever. */
export class Dice {
  readonly #random: SeededRandom

  constructor(seed: string) {
    this.#random = new SeededRandom(seed)
  }

  /** An integer from 0 to limit - 1. */
  below(limit: number): number {
    return integerBelow(this.#random, limit)
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0
  }

  /** One of the choices; undefined only if there are none. */
  pick<T>(choices: readonly [T, ...T[]]): T
  pick<T>(choices: readonly T[]): T | undefined
  pick<T>(choices: readonly T[]): T | undefined {
    return choices[this.below(Math.max(1, choices.length))]
  }
}
