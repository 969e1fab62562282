import { createHash, createHmac } from 'node:crypto'

/** Bytes to hash; text is encoded as UTF-8. */
export type Hashable = string | Uint8Array

/** Computes SHA-256 (FIPS 180-4) of the concatenated parts; 32 bytes. */
export const sha256 = (...parts: readonly Hashable[]): Uint8Array => digest('sha256', parts)

/** Computes SHA3-256 (FIPS 202) of the concatenated parts; 32 bytes. */
export const sha3 = (...parts: readonly Hashable[]): Uint8Array => digest('sha3-256', parts)

/** Computes MD5 (RFC 1321) of the concatenated parts; 16 bytes. For keys of STUN's long-term credentials only. */
export const md5 = (...parts: readonly Hashable[]): Uint8Array => digest('md5', parts)

/** Computes HMAC-SHA1 (RFC 2104) of the concatenated parts; 20 bytes. For STUN's MESSAGE-INTEGRITY. */
export const hmacSha1 = (key: Hashable, ...parts: readonly Hashable[]): Uint8Array => authenticate('sha1', key, parts)

/** Computes HMAC-SHA256 (RFC 2104) of the concatenated parts; 32 bytes. */
export const hmacSha256 = (key: Hashable, ...parts: readonly Hashable[]): Uint8Array =>
  authenticate('sha256', key, parts)

const digest = (algorithm: string, parts: readonly Hashable[]): Uint8Array => {
  const hash = createHash(algorithm)
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

const authenticate = (algorithm: string, key: Hashable, parts: readonly Hashable[]): Uint8Array => {
  const hmac = createHmac(algorithm, key)
  for (const part of parts) hmac.update(part)
  return new Uint8Array(hmac.digest())
}
