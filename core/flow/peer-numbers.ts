import type { PeerId } from '../contract/tunnel-transport.ts'

/**
 * Small integers for peers, so that per-packet state of a peer can be kept in arrays instead of maps by id. Numbers are
 * reference-counted: hold a peer's number as long as you keep state under it, as it is reused for another peer when
 * nobody holds it.
 */
export class PeerNumbers {
  readonly #numbers = new Map<PeerId, number>()
  readonly #ids: PeerId[] = []
  readonly #holders: number[] = []
  readonly #free: number[] = []

  /** Returns a peer's number, which stays the same until it was released as often as held. */
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

  /** Returns a peer's number; undefined if nobody holds it. */
  find(id: PeerId): number | undefined {
    return this.#numbers.get(id)
  }

  /** Returns the peer's id by a number that is held. */
  idOf(number: number): PeerId {
    return this.#ids[number] ?? ''
  }
}
