import { createHmac, timingSafeEqual } from 'node:crypto'

/** HMAC-SHA1 over parts, 20 bytes. RFC 8489 §14.5: MESSAGE-INTEGRITY. SHA-1's collisions do not touch HMAC. */
export const hmacSha1 = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array => {
  const hmac = createHmac('sha1', key)
  for (const part of parts) hmac.update(part)
  return new Uint8Array(hmac.digest())
}

/** Whether two codes are the same, in a time that depends on their lengths only. */
export const equalCodes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b)

/** CRC-32 as in ITU V.42, unsigned. RFC 8489 §14.7 takes it for FINGERPRINT. */
export const crc32 = (bytes: Uint8Array): number => {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0)
  return (crc ^ 0xffffffff) >>> 0
}

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})
