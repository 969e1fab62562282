import { createPublicKey, diffieHellman, type KeyObject } from 'node:crypto'
import { importPrivateKey, importPublicKey, publicKeyBytes } from './x25519-import.ts'

/** Length of a raw private key, public key or shared secret. */
export const X25519_BYTES = 32

// An import takes longer than an agreement, so each key is imported once.

/** A public key (RFC 7748), imported when it is first used, and once. */
export class X25519PublicKey {
  /** The 32 raw bytes. */
  readonly bytes: Uint8Array
  #keyObject: KeyObject | undefined

  /** @throws RangeError unless there are 32 bytes; any 32 bytes are a public key. `keyObject` is it where it is at hand. */
  constructor(bytes: Uint8Array, keyObject?: KeyObject) {
    this.bytes = exactly32(bytes)
    this.#keyObject = keyObject
  }

  get keyObject(): KeyObject {
    this.#keyObject ??= importPublicKey(this.bytes)
    return this.#keyObject
  }
}

/** A private key (RFC 7748), imported once, with its public key. */
export class X25519PrivateKey {
  readonly publicKey: X25519PublicKey
  readonly #keyObject: KeyObject

  /** @throws RangeError unless there are 32 bytes. They need not be clamped. */
  constructor(bytes: Uint8Array) {
    this.#keyObject = importPrivateKey(exactly32(bytes))
    const keyObject = createPublicKey(this.#keyObject)
    this.publicKey = new X25519PublicKey(publicKeyBytes(keyObject), keyObject)
  }

  /**
   * The shared secret, or undefined where the other key is of low order: the result would be zero whatever this key is
   * (RFC 7748 §6.1).
   */
  agree(other: X25519PublicKey): Uint8Array | undefined {
    try {
      return new Uint8Array(diffieHellman({ privateKey: this.#keyObject, publicKey: other.keyObject }))
    } catch {
      return undefined
    }
  }
}

const exactly32 = (bytes: Uint8Array): Uint8Array => {
  if (bytes.length !== X25519_BYTES) throw new RangeError(`an X25519 key has 32 bytes, not ${bytes.length}`)
  return new Uint8Array(bytes)
}
