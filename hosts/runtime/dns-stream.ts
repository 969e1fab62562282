/** Returns a DNS message with its two-byte length prefix for a stream, to be written in one piece. RFC 7766 §8 */
export const framed = (message: Uint8Array): Buffer => {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

/** Splits a byte stream into length-prefixed DNS messages. */
export class StreamMessages {
  #received: Buffer = Buffer.alloc(0)

  /**
   * Appends a chunk and keeps it until its messages are taken. Pause the stream while messages wait: nothing else
   * bounds the memory.
   */
  add(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
  }

  /** Whether a complete message has been received. */
  get hasWhole(): boolean {
    return this.#received.length >= 2 && this.#received.length >= this.#end()
  }

  /** Removes and returns the next complete message, as a view; undefined if there is none. */
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
