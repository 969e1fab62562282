import { createPublicKey, diffieHellman, type KeyObject } from 'node:crypto'
import { importPrivateKey, importPublicKey, publicKeyBytes } from './x25519-import.ts'

/** Bytes of a raw private key, public key or shared secret. */
export const X25519_BYTES = 32

// Importing a key takes longer than an agreement, so each key is imported once.

/** An X25519 public key (RFC 7748), imported at its first use. */
export class X25519PublicKey {
  /** Raw public key, 32 bytes. */
  readonly bytes: Uint8Array
  #keyObject: KeyObject | undefined

  /**
   * Takes any 32 bytes, and the same key as `keyObject` if it was imported before.
   * @throws RangeError if there are more or fewer.
   */
  constructor(bytes: Uint8Array, keyObject?: KeyObject) {
    this.bytes = exactly32(bytes)
    this.#keyObject = keyObject
  }

  get keyObject(): KeyObject {
    this.#keyObject ??= importPublicKey(this.bytes)
    return this.#keyObject
  }
}

/** An X25519 private key (RFC 7748) with its public key. */
export class X25519PrivateKey {
  readonly publicKey: X25519PublicKey
  readonly #keyObject: KeyObject

  /** Takes any 32 bytes; they need not be clamped. @throws RangeError if there are more or fewer. */
  constructor(bytes: Uint8Array) {
    this.#keyObject = importPrivateKey(exactly32(bytes))
    const keyObject = createPublicKey(this.#keyObject)
    this.publicKey = new X25519PublicKey(publicKeyBytes(keyObject), keyObject)
  }

  /**
   * Computes the shared secret, 32 bytes; undefined if the other key is of low order, which would make the secret zero
   * with any private key (RFC 7748 §6.1).
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
