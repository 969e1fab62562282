const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const BASE32_LOWER = 'abcdefghijklmnopqrstuvwxyz234567'
const HEX = '0123456789abcdef'

/** Encodes a text as UTF-8. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Encodes bytes as lower-case hex. */
export const toHex = (bytes: Uint8Array): string => encode(bytes, HEX, 4)

/** Decodes hex digits of either case; undefined if the text is malformed. */
export const fromHex = (text: string): Uint8Array | undefined =>
  text.length % 2 === 0 ? decode(text.toLowerCase(), HEX, 4) : undefined

/** Encodes bytes as padded base64 (RFC 4648 §4). */
export const toBase64 = (bytes: Uint8Array): string => padded(encode(bytes, BASE64, 6))

/** Encodes bytes as base64 without padding (RFC 4648 §4). */
export const toUnpaddedBase64 = (bytes: Uint8Array): string => encode(bytes, BASE64, 6)

/** Encodes bytes as base64url without padding (RFC 4648 §5), as in a JWT. */
export const toBase64Url = (bytes: Uint8Array): string => encode(bytes, BASE64URL, 6)

/** Encodes bytes as base32 (RFC 4648 §6) in lower case without padding. */
export const toBase32 = (bytes: Uint8Array): string => encode(bytes, BASE32_LOWER, 5)

/** Decodes padded base64; undefined if the text is not exactly what `toBase64` makes of the bytes. */
export const fromBase64 = (text: string): Uint8Array | undefined => {
  const bytes = decode(text.replace(/={1,2}$/, ''), BASE64, 6)
  return bytes !== undefined && toBase64(bytes) === text ? bytes : undefined
}

/** Decodes unpadded base64; undefined if the text is not exactly what `toUnpaddedBase64` makes of the bytes. */
export const fromUnpaddedBase64 = (text: string): Uint8Array | undefined => {
  const bytes = decode(text, BASE64, 6)
  return bytes !== undefined && toUnpaddedBase64(bytes) === text ? bytes : undefined
}

/** Decodes unpadded base64url; undefined if the text is not exactly what `toBase64Url` makes of the bytes. */
export const fromBase64Url = (text: string): Uint8Array | undefined => {
  const bytes = decode(text, BASE64URL, 6)
  return bytes !== undefined && toBase64Url(bytes) === text ? bytes : undefined
}

/**
 * Decodes a key of 32 bytes from base64 (44 characters), as in the control channel; undefined if the text is malformed.
 */
export const keyFromBase64 = (text: string): Uint8Array | undefined => {
  if (text.length !== 44) return undefined
  const bytes = fromBase64(text)
  return bytes?.length === 32 ? bytes : undefined
}

const padded = (text: string): string => text + '='.repeat((4 - (text.length % 4)) % 4)

const encode = (bytes: Uint8Array, alphabet: string, bitsPerDigit: number): string => {
  const mask = (1 << bitsPerDigit) - 1
  let text = ''
  let pending = 0
  let bits = 0
  for (const byte of bytes) {
    pending = (pending << 8) | byte
    bits += 8
    while (bits >= bitsPerDigit) {
      bits -= bitsPerDigit
      text += alphabet.charAt((pending >> bits) & mask)
    }
    pending &= (1 << bits) - 1
  }
  if (bits > 0) text += alphabet.charAt((pending << (bitsPerDigit - bits)) & mask)
  return text
}

const decode = (text: string, alphabet: string, bitsPerDigit: number): Uint8Array | undefined => {
  const bytes = new Uint8Array(Math.floor((text.length * bitsPerDigit) / 8))
  let length = 0
  let pending = 0
  let bits = 0
  for (const digit of text) {
    const value = alphabet.indexOf(digit)
    if (value < 0) return undefined
    pending = (pending << bitsPerDigit) | value
    bits += bitsPerDigit
    if (bits >= 8) {
      bits -= 8
      bytes[length++] = (pending >> bits) & 0xff
      pending &= (1 << bits) - 1
    }
  }
  return bytes
}
