import { createHash } from 'node:crypto'
import type { Random } from '../../core/runtime/random.ts'

/** Deterministic bytes from a seed: SHA-256 in counter mode. The same seed gives the same sequence for ever. */
export class SeededRandom implements Random {
  readonly #seed: string
  #counter = 0
  #pool = new Uint8Array(0)

  constructor(seed: string | number = 'portreeve') {
    this.#seed = String(seed)
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length)
    for (let filled = 0; filled < length;) {
      if (this.#pool.length === 0) {
        this.#pool = new Uint8Array(
          createHash('sha256')
            .update(`${this.#seed}:${this.#counter++}`)
            .digest(),
        )
      }
      const part = this.#pool.subarray(0, length - filled)
      out.set(part, filled)
      filled += part.length
      this.#pool = this.#pool.subarray(part.length)
    }
    return out
  }
}
