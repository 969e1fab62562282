import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { fromBase64Url, fromHex, toBase64Url, toHex } from './text-encoding.ts'

// Raw keys are imported as JWK (RFC 8037) if possible: with OpenSSL 3.0 (Node.js 20), DER takes ten times as long, more
// than several key agreements.
const JWK = { kty: 'OKP', crv: 'X25519' }

/** Imports the 32 bytes of an X25519 public key. */
export const importPublicKey = (bytes: Uint8Array): KeyObject =>
  createPublicKey({ key: { ...JWK, x: toBase64Url(bytes) }, format: 'jwk' })

/** Exports the 32 raw bytes of a public key (X25519 or Ed25519). */
export const publicKeyBytes = (key: KeyObject): Uint8Array =>
  fromBase64Url(key.export({ format: 'jwk' }).x ?? '') ?? new Uint8Array()

/** Imports a private key as PKCS#8 (RFC 8410 §7), which works in every Node.js. */
export const importPkcs8 = (bytes: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, bytes]), format: 'der', type: 'pkcs8' })

/**
 * Imports a private key as a JWK without its public half, which OpenSSL computes.
 * @throws TypeError in Node.js 24 and later, which require both halves (RFC 8037 §2)
 */
export const importHalfJwk = (bytes: Uint8Array): KeyObject =>
  createPrivateKey({ key: { ...JWK, d: toBase64Url(bytes), x: '' }, format: 'jwk' })

/**
 * Imports the 32 bytes of an X25519 private key in the fastest way that this Node.js supports. They need not be
 * clamped.
 */
export const importPrivateKey = (bytes: Uint8Array): KeyObject => {
  fastest ??= givesKnownKey(importHalfJwk) ? importHalfJwk : importPkcs8
  return fastest(bytes)
}

/** DER of a PrivateKeyInfo (RFC 8410 §7) before the key's bytes. */
const PKCS8_HEAD = Buffer.from('302e020100300506032b656e04220420', 'hex')
// Test vector of RFC 7748 §6.1: Alice's keys.
const KNOWN_PRIVATE = '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'
const KNOWN_PUBLIC = '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'

let fastest: ((bytes: Uint8Array) => KeyObject) | undefined

const givesKnownKey = (importKey: (bytes: Uint8Array) => KeyObject): boolean => {
  try {
    const key = importKey(fromHex(KNOWN_PRIVATE) ?? new Uint8Array())
    return toHex(publicKeyBytes(createPublicKey(key))) === KNOWN_PUBLIC
  } catch {
    return false
  }
}
