import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'

/** Bytes of the authentication tag, by which ciphertext is longer than plaintext. */
export const TAG_BYTES = 16

const NONCE_BYTES = 12
const ALGORITHM = 'chacha20-poly1305'
const OPTIONS = { authTagLength: TAG_BYTES }

/**
 * Plaintext to seal and place for the result: the concatenated `plain` parts are encrypted into `into` at `offset`,
 * followed by the tag.
 */
export interface Sealing {
  counter: number
  plain: readonly Uint8Array[]
  into: Uint8Array
  offset: number
}

/**
 * ChaCha20-Poly1305 (RFC 8439) under one key. The nonce is a counter: 4 zero bytes, then 64 bits in little-endian
 * order. A counter is a safe integer, and must never be used to seal twice.
 */
export class ChaCha20Poly1305 {
  readonly #key: KeyObject
  readonly #nonce = new Uint8Array(NONCE_BYTES)
  readonly #counter = new DataView(this.#nonce.buffer, 4)

  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key)
  }

  /** Encrypts and returns the ciphertext, followed by its tag. */
  seal(counter: number, plain: Uint8Array, associated?: Uint8Array): Uint8Array {
    const sealed = new Uint8Array(plain.length + TAG_BYTES)
    const cipher = createCipheriv(ALGORITHM, this.#key, this.#nonceOf(counter), OPTIONS)
    if (associated !== undefined) cipher.setAAD(associated, { plaintextLength: plain.length })
    sealed.set(cipher.update(plain))
    cipher.final()
    sealed.set(cipher.getAuthTag(), plain.length)
    return sealed
  }

  /** Encrypts into an existing buffer, without associated data. Used for packets. */
  sealInto({ counter, plain, into, offset }: Sealing): void {
    const cipher = createCipheriv(ALGORITHM, this.#key, this.#nonceOf(counter), OPTIONS)
    let end = offset
    for (const part of plain) {
      into.set(cipher.update(part), end)
      end += part.length
    }
    cipher.final()
    into.set(cipher.getAuthTag(), end)
  }

  /**
   * Decrypts and returns the plaintext; undefined if ciphertext, tag, counter, associated data or key differ from those
   * at sealing.
   */
  open(counter: number, sealed: Uint8Array, associated?: Uint8Array): Uint8Array | undefined {
    const length = sealed.length - TAG_BYTES
    if (length < 0) return undefined
    const decipher = createDecipheriv(ALGORITHM, this.#key, this.#nonceOf(counter), OPTIONS)
    if (associated !== undefined) decipher.setAAD(associated, { plaintextLength: length })
    decipher.setAuthTag(sealed.subarray(length))
    const plain = decipher.update(sealed.subarray(0, length))
    try {
      decipher.final()
    } catch {
      return undefined
    }
    // A Buffer must not get out: its slice() shares memory, unlike that of a Uint8Array.
    return new Uint8Array(plain.buffer, plain.byteOffset, plain.length)
  }

  #nonceOf(counter: number): Uint8Array {
    this.#counter.setUint32(0, counter >>> 0, true)
    this.#counter.setUint32(4, Math.floor(counter / 0x1_0000_0000), true)
    return this.#nonce
  }
}
