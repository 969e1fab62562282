import { randomFillSync } from 'node:crypto'
import type { Writable } from 'node:stream'

/**
 * Masking key of the frames (RFC 6455 §5.3): none, as servers send them; `random`, as clients do; `zero`, which leaves the
 * bytes as they are, for clients whose frames nobody on the way sees.
 */
export type FrameMask = 'none' | 'zero' | 'random'

/** Longest message: its length has to fit 16 bits. */
export const LONGEST_FRAME_BYTES = 65_535
/** Bytes of the longest header: two, the length in two more, and the key. */
const HEADER_BYTES = 8
const CHUNK_BYTES = 128 * 1_024
/** Most chunks that are kept for further writes, of all connections together. */
const KEPT_CHUNKS = 16
/** FIN bit and opcode of a binary message. */
const BINARY = 0x82
const MASKED = 0x80
const LENGTH_FOLLOWS = 126

const KEPT: Uint8Array[] = []

/**
 * Writer of binary messages of a WebSocket (RFC 6455 §5.2), past the library's own, to the stream below it. The messages
 * of one turn of the event loop become one write: few system calls, and full TLS records, for a burst of small messages.
 */
export class BinaryFrames {
  readonly #stream: Writable
  readonly #mask: FrameMask
  readonly #key = new Uint8Array(4)
  #chunk: Uint8Array | undefined
  #used = 0

  constructor(stream: Writable, mask: FrameMask) {
    this.#stream = stream
    this.#mask = mask
  }

  /** Bytes that wait in the stream and before it. */
  get waitingBytes(): number {
    return this.#used + this.#stream.writableLength
  }

  /** Adds a message of at most `LONGEST_FRAME_BYTES`, whose bytes are borrowed until this returns. */
  add(message: Uint8Array): void {
    const { length } = message
    if (length > LONGEST_FRAME_BYTES) throw new RangeError(`a message of ${length} bytes is too long`)
    if (this.#used + HEADER_BYTES + length > CHUNK_BYTES) this.flush()
    if (this.#chunk === undefined) process.nextTick(() => this.flush())
    const chunk = (this.#chunk ??= KEPT.pop() ?? new Uint8Array(CHUNK_BYTES))
    let at = this.#used
    const masked = this.#mask === 'none' ? 0 : MASKED
    chunk[at++] = BINARY
    if (length < LENGTH_FOLLOWS) chunk[at++] = masked | length
    else {
      chunk[at++] = masked | LENGTH_FOLLOWS
      chunk[at++] = length >> 8
      chunk[at++] = length
    }
    if (masked !== 0) {
      if (this.#mask === 'random') randomFillSync(this.#key)
      chunk.set(this.#key, at)
      at += 4
    }
    if (this.#mask === 'random') mask(message, this.#key, chunk.subarray(at, at + length))
    else chunk.set(message, at)
    this.#used = at + length
  }

  /** Writes what was added, at once. */
  flush(): void {
    const chunk = this.#chunk
    if (chunk === undefined) return
    const bytes = chunk.subarray(0, this.#used)
    this.#chunk = undefined
    this.#used = 0
    this.#stream.write(bytes, (error) => {
      // A write that failed may still hold the bytes.
      if ((error ?? undefined) === undefined && KEPT.length < KEPT_CHUNKS) KEPT.push(chunk)
    })
  }
}

const mask = (message: Uint8Array, key: Uint8Array, target: Uint8Array): void => {
  for (let index = 0; index < message.length; index++) target[index] = (message[index] ?? 0) ^ (key[index & 3] ?? 0)
}
