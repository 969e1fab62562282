import type { PeerId } from '../contract/tunnel-transport.ts'

/**
 * Small numbers for peers, so that what a packet needs of its peer stands in a table and not behind an id. Whoever keeps something under
 * a number holds it: it is another peer's as soon as nobody does.
 */
export class PeerNumbers {
  readonly #numbers = new Map<PeerId, number>()
  readonly #ids: PeerId[] = []
  readonly #holders: number[] = []
  readonly #free: number[] = []

  /** The peer's number, which is its own until it was released as often as held. */
  hold(id: PeerId): number {
    let number = this.#numbers.get(id)
    if (number === undefined) {
      number = this.#free.pop() ?? this.#ids.length
      this.#numbers.set(id, number)
      this.#ids[number] = id
      this.#holders[number] = 0
    }
    this.#holders[number] = (this.#holders[number] ?? 0) + 1
    return number
  }

  release(number: number): void {
    const holders = (this.#holders[number] ?? 0) - 1
    this.#holders[number] = holders
    if (holders > 0) return
    this.#numbers.delete(this.idOf(number))
    this.#ids[number] = ''
    this.#free.push(number)
  }

  /** Undefined where nobody holds it. */
  find(id: PeerId): number | undefined {
    return this.#numbers.get(id)
  }

  /** Of a number that is held. */
  idOf(number: number): PeerId {
    return this.#ids[number] ?? ''
  }
}
