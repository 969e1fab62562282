import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto'

/** Length of a raw private key, public key or shared secret. */
export const X25519_BYTES = 32

// Raw keys are wrapped as DER (RFC 8410 §7, §4): importing costs more than the multiplication, so each key is imported once.
const PKCS8_PREFIX = Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 110, 4, 34, 4, 32)
const SPKI_PREFIX = Uint8Array.of(48, 42, 48, 5, 6, 3, 43, 101, 110, 3, 33, 0)

/** A public key (RFC 7748), imported once. */
export class X25519PublicKey {
  /** The 32 raw bytes. */
  readonly bytes: Uint8Array
  readonly keyObject: KeyObject

  /** @throws RangeError unless there are 32 bytes; any 32 bytes are a public key. */
  constructor(bytes: Uint8Array) {
    this.bytes = exactly32(bytes)
    this.keyObject = createPublicKey({ key: der(SPKI_PREFIX, this.bytes), format: 'der', type: 'spki' })
  }
}

/** A private key (RFC 7748), imported once, with its public key. */
export class X25519PrivateKey {
  readonly publicKey: X25519PublicKey
  readonly #keyObject: KeyObject

  /** @throws RangeError unless there are 32 bytes. They need not be clamped. */
  constructor(bytes: Uint8Array) {
    this.#keyObject = createPrivateKey({ key: der(PKCS8_PREFIX, exactly32(bytes)), format: 'der', type: 'pkcs8' })
    const spki = createPublicKey(this.#keyObject).export({ format: 'der', type: 'spki' })
    this.publicKey = new X25519PublicKey(spki.subarray(SPKI_PREFIX.length))
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

const der = (prefix: Uint8Array, bytes: Uint8Array): Buffer<ArrayBuffer> => {
  const wrapped = new Uint8Array(prefix.length + bytes.length)
  wrapped.set(prefix)
  wrapped.set(bytes, prefix.length)
  return wrapped as Buffer<ArrayBuffer>
}
