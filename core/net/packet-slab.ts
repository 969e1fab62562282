/** Bytes of a slab: some 200 full packets, yet little memory for a copy that is kept for long to retain. */
const SLAB_BYTES = 256 * 1_024

/**
 * Allocator for copies of packets, which it places one after the other in larger buffers: an allocation for each packet
 * would cost several times the copy, and most of the garbage collector's work. The receiver may change a copy, but must
 * not transfer its buffer, which others share.
 */
export class PacketSlab {
  #buffer = new ArrayBuffer(0)
  #used = 0

  /** Copies the first `length` bytes. */
  copy(bytes: Uint8Array, length: number): Uint8Array {
    if (length > SLAB_BYTES / 4) return new Uint8Array(bytes.subarray(0, length))
    if (this.#used + length > this.#buffer.byteLength) {
      this.#buffer = new ArrayBuffer(SLAB_BYTES)
      this.#used = 0
    }
    const copy = new Uint8Array(this.#buffer, this.#used, length)
    copy.set(length === bytes.length ? bytes : bytes.subarray(0, length))
    // Copying is faster between aligned addresses.
    this.#used += (length + 7) & ~7
    return copy
  }
}
