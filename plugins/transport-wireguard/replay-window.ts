const WORD_BITS = 32
const WORDS = 256

/** Size of the window below the greatest counter: one word less than the ring, as one is always being reused. */
export const WINDOW_SIZE = (WORDS - 1) * WORD_BITS

export type Arrival = 'newest' | 'late' | 'replayed' | 'too-old'

/**
 * Counters received so far, as a ring of words (RFC 6479): moving forward clears words instead of shifting bits. Only
 * for authenticated packets: a forged counter must not move the window.
 */
export class ReplayWindow {
  /**
   * Ring of bits; it grows to its full size only with the counters, so that a session with few packets takes little
   * memory.
   */
  #words = new Uint32Array(2)
  #greatest = -1

  /** Enters the counter of an authenticated packet and returns whether the packet is new, late, replayed or too old. */
  accept(counter: number): Arrival {
    const newest = counter > this.#greatest
    if (!newest && this.#greatest - counter >= WINDOW_SIZE) return 'too-old'

    if (newest) {
      const from = this.#greatest < 0 ? -1 : Math.floor(this.#greatest / WORD_BITS)
      const to = Math.floor(counter / WORD_BITS)
      this.#makeRoom(to)
      for (let word = Math.max(from + 1, to - WORDS + 1); word <= to; word++) this.#words[word % WORDS] = 0
      this.#greatest = counter
    }

    const index = Math.floor(counter / WORD_BITS) % WORDS
    const bit = 1 << (counter % WORD_BITS)
    const word = this.#words[index] ?? 0
    if ((word & bit) !== 0) return 'replayed'
    this.#words[index] = word | bit
    return newest ? 'newest' : 'late'
  }

  #makeRoom(word: number): void {
    let { length } = this.#words
    if (word < length || length === WORDS) return
    while (length < WORDS && length <= word) length *= 2
    const words = new Uint32Array(length)
    words.set(this.#words)
    this.#words = words
  }
}
