/** A DNS message as it goes over a stream: two bytes of length before it, in one piece (RFC 7766 §8). */
export const framed = (message: Uint8Array): Buffer => {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

/** Cuts what comes over a stream into messages; holds no more than one that is not whole yet. */
export class StreamMessages {
  #received: Buffer = Buffer.alloc(0)

  /** The messages that are whole. They are views: borrowed until the next call. */
  push(chunk: Buffer): Buffer[] {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    const whole: Buffer[] = []
    while (this.#received.length >= 2) {
      const end = 2 + this.#received.readUInt16BE(0)
      if (this.#received.length < end) break
      whole.push(this.#received.subarray(2, end))
      this.#received = this.#received.subarray(end)
    }
    return whole
  }
}
