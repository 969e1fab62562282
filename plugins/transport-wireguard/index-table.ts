import type { Random } from 'portreeve'

/** Who is meant by a 32-bit index that we chose and that peers put into what they send us (§5.4.1). */
export class IndexTable<Owner> {
  readonly #owners = new Map<number, Owner>()
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  /** A fresh index: random, so that a stranger cannot guess which are in use. */
  claim(owner: Owner): number {
    for (;;) {
      const bytes = this.#random.bytes(4)
      const index = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0)
      if (this.#owners.has(index)) continue
      this.#owners.set(index, owner)
      return index
    }
  }

  /** What began as a handshake goes on as a session under the same index. */
  replace(index: number, owner: Owner): void {
    this.#owners.set(index, owner)
  }

  release(index: number): void {
    this.#owners.delete(index)
  }

  find(index: number): Owner | undefined {
    return this.#owners.get(index)
  }
}
