import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { toBase64Url } from './text-encoding.ts'
import { publicKeyBytes } from './x25519-import.ts'

/** Bytes of a seed and of a raw public key. */
export const ED25519_BYTES = 32
/** Bytes of a signature. */
export const ED25519_SIGNATURE_BYTES = 64

/** A signing key (RFC 8032 §5.1) with its public key. */
export class Ed25519PrivateKey {
  /** Raw public key, 32 bytes. */
  readonly publicKey: Uint8Array
  readonly #keyObject: KeyObject

  /** Takes any 32 bytes as a seed. @throws RangeError if there are more or fewer. */
  constructor(seed: Uint8Array) {
    if (seed.length !== ED25519_BYTES) throw new RangeError(`an Ed25519 seed has 32 bytes, not ${seed.length}`)
    this.#keyObject = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' })
    this.publicKey = publicKeyBytes(createPublicKey(this.#keyObject))
  }

  /** Returns the message's signature, 64 bytes, which is deterministic. */
  sign(message: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, message, this.#keyObject))
  }
}

/** Whether a signature of a message verifies under a public key. False if the key or the signature is malformed. */
export const isSignedBy = (
  publicKey: Uint8Array,
  { message, signature }: { message: Uint8Array; signature: Uint8Array },
): boolean => {
  if (publicKey.length !== ED25519_BYTES || signature.length !== ED25519_SIGNATURE_BYTES) return false
  try {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: toBase64Url(publicKey) }
    return verify(null, message, createPublicKey({ key: jwk, format: 'jwk' }), signature)
  } catch {
    return false
  }
}

/** DER of a PrivateKeyInfo (RFC 8410 §7) before the seed. */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')
