import { createHash, createHmac } from 'node:crypto'
import { blake2s as keyedBlake2s } from '@noble/hashes/blake2.js'

/** Computes BLAKE2s-256 (RFC 7693) of the concatenated parts; 32 bytes. */
export const blake2s = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('blake2s256')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

/** Computes HMAC (RFC 2104) with BLAKE2s-256 of the concatenated parts; 32 bytes. */
export const hmacBlake2s = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array => {
  const hmac = createHmac('blake2s256', key)
  for (const part of parts) hmac.update(part)
  return new Uint8Array(hmac.digest())
}

/** Computes keyed BLAKE2s-128 (RFC 7693 §2.5), which node:crypto does not have; 16 bytes. */
export const keyedBlake2s128 = (key: Uint8Array, message: Uint8Array): Uint8Array =>
  keyedBlake2s(message, { key, dkLen: 16 })

/** Computes HKDF (RFC 5869) with HMAC-BLAKE2s and empty info, as in Noise §4.3. Returns `count` keys of 32 bytes. */
export const hkdfBlake2s = (salt: Uint8Array, input: Uint8Array, count: 1 | 2 | 3): Uint8Array[] => {
  const secret = hmacBlake2s(salt, input)
  const keys: Uint8Array[] = []
  let previous = new Uint8Array(0)
  for (let index = 1; index <= count; index++) {
    previous = new Uint8Array(hmacBlake2s(secret, previous, Uint8Array.of(index)))
    keys.push(previous)
  }
  return keys
}
