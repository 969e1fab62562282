/** A DNS message as it goes over a stream: two bytes of length before it, in one piece (RFC 7766 §8). */
export const framed = (message: Uint8Array): Buffer => {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

/** Cuts what comes over a stream into messages. */
export class StreamMessages {
  #received: Buffer = Buffer.alloc(0)

  /** Holds the chunk until its messages are taken: add no more while there are some that nobody wants yet. */
  add(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
  }

  /** Whether there is a message that is whole. */
  get hasWhole(): boolean {
    return this.#received.length >= 2 && this.#received.length >= this.#end()
  }

  /** Takes the next message that is whole; undefined where there is none. A view. */
  take(): Buffer | undefined {
    if (!this.hasWhole) return undefined
    const end = this.#end()
    const message = this.#received.subarray(2, end)
    this.#received = this.#received.subarray(end)
    return message
  }

  #end(): number {
    return 2 + this.#received.readUInt16BE(0)
  }
}
