import type { Duplex } from 'node:stream'

export interface BinaryFrameReaderOptions {
  /** Whether the other end masks its frames, as clients do (RFC 6455 §5.3). */
  isMasked: boolean
  /** Longest message; a longer one is the library's. */
  maxBytes: number
  /** Takes the messages of one read, which belong to it. */
  take: (messages: readonly Uint8Array[]) => void
}

/** First bytes of frames, with the FIN bit (RFC 6455 §5.2). */
const [BINARY, PING, PONG] = [0x82, 0x89, 0x8a]
const MASKED = 0x80
const [LENGTH_IN_TWO_BYTES, LENGTH_IN_EIGHT_BYTES] = [126, 127]
const KEY_BYTES = 4
const EMPTY = Buffer.alloc(0)

/**
 * Reads binary messages from the connection of a WebSocket that the ws package has just opened, before that does: in a
 * fraction of its time for each. Pings and pongs are passed to it one by one. At the first frame of another kind (text, a
 * fragment, a close, an error) it gets the connection back for good.
 */
export class BinaryFrameReader {
  readonly #connection: Duplex
  readonly #options: BinaryFrameReaderOptions
  readonly #masked: number
  // oxlint-disable-next-line typescript/no-unsafe-function-type -- as events have it
  readonly #library: Function | undefined
  /** Beginning of a frame whose end has not arrived. */
  #rest: Buffer = EMPTY
  #isHandedBack = false

  private constructor(connection: Duplex, options: BinaryFrameReaderOptions) {
    this.#connection = connection
    this.#options = options
    this.#masked = options.isMasked ? MASKED : 0
    this.#library = connection.listeners('data')[0]
  }

  /** Reads a connection from here on. */
  static attach(connection: Duplex, options: BinaryFrameReaderOptions): void {
    const reader = new BinaryFrameReader(connection, options)
    const library = reader.#library as ((bytes: Buffer) => void) | undefined
    if (library !== undefined) connection.off('data', library).on('data', reader.#onData)
  }

  readonly #onData = (arrived: Buffer): void => {
    let bytes = arrived
    // Only the frame that was begun is copied, not all that arrived behind it.
    while (this.#rest.length > 0 && bytes.length > 0) {
      const missing = this.#missing()
      const rest = Buffer.concat([this.#rest, bytes.subarray(0, missing)])
      this.#rest = EMPTY
      bytes = bytes.subarray(missing)
      this.#read(rest)
    }
    if (bytes.length === 0) return
    if (this.#isHandedBack) this.#pass(bytes)
    else this.#read(bytes)
  }

  /** Returns the number of bytes that lack for the frame that was begun, or for its header, at least one. */
  #missing(): number {
    const rest = this.#rest
    const header = this.#headerBytes((rest[1] ?? 0) & ~MASKED)
    if (rest.length < header) return header - rest.length
    return header + this.#lengthAt(rest, 0) - rest.length
  }

  #headerBytes(length: number): number {
    return 2 + (length === LENGTH_IN_TWO_BYTES ? 2 : 0) + (this.#masked === 0 ? 0 : KEY_BYTES)
  }

  #lengthAt(bytes: Buffer, at: number): number {
    const length = (bytes[at + 1] ?? 0) & ~MASKED
    return length === LENGTH_IN_TWO_BYTES ? ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0) : length
  }

  #read(bytes: Buffer): void {
    let messages: Uint8Array[] = []
    let at = 0
    while (bytes.length - at >= 2) {
      const first = bytes[at] ?? 0
      const second = bytes[at + 1] ?? 0
      if (!this.#isOurs(first, second)) return this.#handBack(bytes.subarray(at), messages)
      const header = this.#headerBytes(second & ~MASKED)
      if (bytes.length - at < header) break
      const length = this.#lengthAt(bytes, at)
      if (length > this.#options.maxBytes) return this.#handBack(bytes.subarray(at), messages)
      const end = at + header + length
      if (end > bytes.length) break
      if (first === BINARY) {
        const message = bytes.subarray(at + header, end)
        if (this.#masked !== 0) unmask(message, bytes.readUInt32BE(at + header - KEY_BYTES))
        messages.push(message)
      } else {
        this.#take(messages)
        messages = []
        this.#pass(bytes.subarray(at, end))
      }
      at = end
    }
    this.#rest = at === bytes.length ? EMPTY : bytes.subarray(at)
    this.#take(messages)
  }

  #isOurs(first: number, second: number): boolean {
    if ((second & MASKED) !== this.#masked) return false
    const length = second & ~MASKED
    if (first === BINARY) return length < LENGTH_IN_EIGHT_BYTES
    return (first === PING || first === PONG) && length < LENGTH_IN_TWO_BYTES
  }

  #take(messages: readonly Uint8Array[]): void {
    if (messages.length > 0) this.#options.take(messages)
  }

  #pass(bytes: Buffer): void {
    if (this.#library !== undefined) Reflect.apply(this.#library, this.#connection, [bytes])
  }

  #handBack(bytes: Buffer, messages: readonly Uint8Array[]): void {
    this.#take(messages)
    this.#isHandedBack = true
    const library = this.#library as (bytes: Buffer) => void
    this.#connection.off('data', this.#onData).on('data', library)
    this.#pass(bytes)
  }
}

/** Takes a masking key of four bytes off a message, in place. */
const unmask = (message: Buffer, key: number): void => {
  if (key === 0) return
  for (let at = 0; at < message.length; at++) message[at] = (message[at] ?? 0) ^ (key >>> (24 - 8 * (at & 3)))
}
