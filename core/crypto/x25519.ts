import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto'
import { fromBase64Url, toBase64Url } from './text-encoding.ts'

/** Length of a raw private key, public key or shared secret. */
export const X25519_BYTES = 32

// Raw keys are imported as JWK (RFC 8037), which takes a tenth of the time that DER does, and more than an agreement still: each
// key is imported once.
const JWK = { kty: 'OKP', crv: 'X25519' }

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
    this.#keyObject ??= createPublicKey({ key: { ...JWK, x: toBase64Url(this.bytes) }, format: 'jwk' })
    return this.#keyObject
  }
}

/** A private key (RFC 7748), imported once, with its public key. */
export class X25519PrivateKey {
  readonly publicKey: X25519PublicKey
  readonly #keyObject: KeyObject

  /** @throws RangeError unless there are 32 bytes. They need not be clamped. */
  constructor(bytes: Uint8Array) {
    // OpenSSL computes the public half from `d`; Node wants an `x` there, but does not read it.
    const key = { ...JWK, d: toBase64Url(exactly32(bytes)), x: '' }
    this.#keyObject = createPrivateKey({ key, format: 'jwk' })
    const keyObject = createPublicKey(this.#keyObject)
    const publicBytes = fromBase64Url(keyObject.export({ format: 'jwk' }).x ?? '')
    this.publicKey = new X25519PublicKey(publicBytes ?? new Uint8Array(), keyObject)
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
