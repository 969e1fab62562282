/** Holds some 200 full packets; small enough that one that is kept for long does not hold on to much. */
const SLAB_BYTES = 256 * 1_024

/**
 * Copies of packets, carved out of larger buffers one after the other: an allocation of its own for each packet costs several times the copy
 * and most of what the garbage collector does. A copy is its receiver's to change, but not its buffer's to transfer.
 */
export class PacketSlab {
  #buffer = new ArrayBuffer(0)
  #used = 0

  /** The first `length` bytes. */
  copy(bytes: Uint8Array, length: number): Uint8Array {
    if (length > SLAB_BYTES / 4) return new Uint8Array(bytes.subarray(0, length))
    if (this.#used + length > this.#buffer.byteLength) {
      this.#buffer = new ArrayBuffer(SLAB_BYTES)
      this.#used = 0
    }
    const copy = new Uint8Array(this.#buffer, this.#used, length)
    copy.set(length === bytes.length ? bytes : bytes.subarray(0, length))
    // Aligned, as copying likes it.
    this.#used += (length + 7) & ~7
    return copy
  }
}
