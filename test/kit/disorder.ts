import { integerBelow } from '../../core/runtime/random.ts'
import { SeededRandom } from './seeded-random.ts'

export interface DisorderOptions {
  seed: string
  /** Percentages of datagrams that are lost, that arrive twice, and that later ones overtake. */
  lost: number
  doubled: number
  overtaken: number
  /** Highest number of later datagrams that overtake a delayed one. */
  overtakers: number
}

/**
 * A bad network in one direction: loses, doubles and delays datagrams. A delay is counted in datagrams that overtake,
 * not in time, so that the seed and the order of arrival decide everything.
 */
export class Disorder<Item> {
  readonly #options: DisorderOptions
  readonly #random: SeededRandom
  #held: { item: Item; until: number }[] = []
  #arrived = 0
  lost = 0

  constructor(options: DisorderOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
  }

  /** Takes one datagram and returns those to deliver next, in order. */
  pass(item: Item): Item[] {
    this.#arrived += 1
    const { lost, doubled, overtaken, overtakers } = this.#options
    const out: Item[] = []
    const copies = this.#happens(lost) ? 0 : this.#happens(doubled) ? 2 : 1
    if (copies === 0) this.lost += 1
    for (let copy = 0; copy < copies; copy++) {
      if (!this.#happens(overtaken)) out.push(item)
      else this.#held.push({ item, until: this.#arrived + 1 + integerBelow(this.#random, overtakers) })
    }
    const due = this.#held.filter(({ until }) => until <= this.#arrived)
    this.#held = this.#held.filter(({ until }) => until > this.#arrived)
    return [...out, ...due.map((held) => held.item)]
  }

  /** Returns all datagrams that are still delayed. */
  flush(): Item[] {
    return this.#held.splice(0).map(({ item }) => item)
  }

  #happens(ofHundred: number): boolean {
    return integerBelow(this.#random, 100) < ofHundred
  }
}
