import type { Random } from 'portreeve'

/** Owners of the 32-bit indices that this end has chosen and that peers put into their messages (§5.4.1). */
export class IndexTable<Owner> {
  readonly #owners = new Map<number, Owner>()
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  /** Returns a new index for an owner; random, so that indices in use cannot be guessed. */
  claim(owner: Owner): number {
    for (;;) {
      const bytes = this.#random.bytes(4)
      const index = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0)
      if (this.#owners.has(index)) continue
      this.#owners.set(index, owner)
      return index
    }
  }

  /** Sets another owner of an index: a handshake's index becomes its session's. */
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
