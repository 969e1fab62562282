// Encoding of STUN messages (RFC 8489 §5): header, attributes, MESSAGE-INTEGRITY and FINGERPRINT.
import { crc32 } from '../crypto/crc32.ts'
import { equalSecrets } from '../crypto/equal-secrets.ts'
import { hmacSha1 } from '../crypto/hash.ts'

export type StunKind = 'request' | 'indication' | 'success' | 'error'

/** An attribute of a STUN message, without padding. */
export interface StunAttribute {
  type: number
  value: Uint8Array
}

/** A parsed STUN message. */
export interface StunMessage {
  kind: StunKind
  /** STUN method; 1 is Binding. */
  method: number
  /** Transaction id, 12 bytes. */
  transactionId: Uint8Array
  /**
   * Attributes in order, without MESSAGE-INTEGRITY, FINGERPRINT and any unprotected ones behind MESSAGE-INTEGRITY (RFC
   * 8489 §14.5).
   */
  attributes: readonly StunAttribute[]
  /** MESSAGE-INTEGRITY of the message, to be verified by `provesKey`; absent if there is none. */
  integrity?: StunIntegrity
}

/** MESSAGE-INTEGRITY attribute of a STUN message. */
export interface StunIntegrity {
  /**
   * Bytes that the code covers: the message before the attribute, with the header's length adjusted (RFC 8489 §14.5).
   */
  covered: Uint8Array
  /** HMAC-SHA1 of the message, 20 bytes. */
  code: Uint8Array
}

/** Reason why a datagram is not a valid STUN message. */
export type StunRefusal =
  | 'too-short'
  | 'too-long'
  | 'not-stun'
  | 'bad-length'
  | 'attribute-overrun'
  | 'too-many-attributes'
  | 'bad-integrity-length'
  | 'bad-fingerprint'

/** Outcome of parsing a STUN message. */
export type StunVerdict = { type: 'decoded'; message: StunMessage } | { type: 'refused'; reason: StunRefusal }

/** STUN method Binding (RFC 8489 §18.2). */
export const BINDING = 1
/** Fixed value in the header of each STUN message (RFC 8489 §5). */
export const MAGIC_COOKIE = 0x2112a442

/** Longest message that is accepted, in bytes: path probes may be as large as jumbo frames. */
const MAX_MESSAGE_BYTES = 9_216
const MAX_ATTRIBUTES = 32
const HEADER_BYTES = 20
const MESSAGE_INTEGRITY = 0x0008
const FINGERPRINT = 0x8028
const FINGERPRINT_XOR = 0x5354554e
const FINGERPRINT_BYTES = 8

/**
 * Whether a datagram from a shared socket is STUN (RFC 7983 §7). WireGuard messages of types 1 to 3 begin alike, but
 * their second byte is zero, which it is in no STUN method in use.
 */
export const looksLikeStun = (bytes: Uint8Array): boolean =>
  bytes.length >= HEADER_BYTES && (bytes[0] ?? 255) < 4 && bytes[1] !== 0 && view(bytes).getUint32(4) === MAGIC_COOKIE

/** Whether a message for which `looksLikeStun` holds is a request, by the class bits of its type (RFC 8489 §5). */
export const isRequest = (bytes: Uint8Array): boolean =>
  ((bytes[0] ?? 0) & 0x01) === 0 && ((bytes[1] ?? 0) & 0x10) === 0

/** Whether a valid message ends in FINGERPRINT, which its answer then has as well (RFC 8489 §7.3). */
export const hasFingerprint = (bytes: Uint8Array): boolean => {
  const at = bytes.length - FINGERPRINT_BYTES
  return at >= HEADER_BYTES && view(bytes).getUint32(at) === ((FINGERPRINT << 16) | 4) >>> 0
}

/** Parses a datagram and verifies its FINGERPRINT if it has one. The message is a copy. */
export const decodeStun = (bytes: Uint8Array): StunVerdict => {
  if (bytes.length < HEADER_BYTES) return refused('too-short')
  if (bytes.length > MAX_MESSAGE_BYTES) return refused('too-long')
  if (!looksLikeStun(bytes)) return refused('not-stun')
  const own = new Uint8Array(bytes)
  const words = view(own)
  if (words.getUint16(2) !== own.length - HEADER_BYTES || own.length % 4 !== 0) return refused('bad-length')

  const attributes: StunAttribute[] = []
  let integrity: StunIntegrity | undefined
  for (let at = HEADER_BYTES; at < own.length;) {
    if (attributes.length >= MAX_ATTRIBUTES) return refused('too-many-attributes')
    const type = words.getUint16(at)
    const length = words.getUint16(at + 2)
    const end = at + 4 + length
    if (end > own.length) return refused('attribute-overrun')
    const value = own.subarray(at + 4, end)
    if (type === FINGERPRINT) {
      // FINGERPRINT must be the last attribute (§14.7).
      if (end !== own.length || length !== 4) return refused('bad-fingerprint')
      if (fingerprint(own.subarray(0, at)) !== words.getUint32(at + 4)) return refused('bad-fingerprint')
    } else if (type === MESSAGE_INTEGRITY && integrity === undefined) {
      if (length !== 20) return refused('bad-integrity-length')
      integrity = { covered: withLength(own.subarray(0, at), at + 4 + 20 - HEADER_BYTES), code: value }
    } else if (integrity === undefined) {
      attributes.push({ type, value })
    }
    at = end + padding(length)
  }
  const code = words.getUint16(0)
  return {
    type: 'decoded',
    message: {
      kind: KINDS[((code >> 4) & 1) | ((code >> 7) & 2)] ?? 'request',
      method: (code & 0x000f) | ((code >> 1) & 0x0070) | ((code >> 2) & 0x0f80),
      transactionId: own.subarray(8, HEADER_BYTES),
      attributes,
      ...(integrity === undefined ? {} : { integrity }),
    },
  }
}

/** Whether a message's MESSAGE-INTEGRITY proves that its sender knows the key. Takes constant time. */
export const provesKey = (message: StunMessage, key: Uint8Array): boolean =>
  message.integrity !== undefined && equalSecrets(hmacSha1(key, message.integrity.covered), message.integrity.code)

/**
 * Encodes a message with FINGERPRINT, as ICE requires (RFC 8445 §7.1), and with MESSAGE-INTEGRITY if `key` is given.
 */
export const encodeStun = (message: Omit<StunMessage, 'integrity'>, key?: Uint8Array): Uint8Array => {
  const { bytes, words, end } = encodeProtected(message, { key, room: FINGERPRINT_BYTES })
  words.setUint16(2, bytes.length - HEADER_BYTES)
  words.setUint16(end, FINGERPRINT)
  words.setUint16(end + 2, 4)
  words.setUint32(end + 4, fingerprint(bytes.subarray(0, end)))
  return bytes
}

/** Encodes a message without FINGERPRINT, as TURN peers send it, and with MESSAGE-INTEGRITY if `key` is given. */
export const encodeWithoutFingerprint = (message: Omit<StunMessage, 'integrity'>, key?: Uint8Array): Uint8Array =>
  encodeProtected(message, { key, room: 0 }).bytes

/**
 * Encodes a message up to MESSAGE-INTEGRITY, with `room` bytes behind it that its header's length does not count yet.
 */
const encodeProtected = (
  message: Omit<StunMessage, 'integrity'>,
  { key, room }: { key: Uint8Array | undefined; room: number },
): { bytes: Uint8Array; words: DataView; end: number } => {
  const body = message.attributes.reduce((sum, { value }) => sum + 4 + value.length + padding(value.length), 0)
  const protectedEnd = HEADER_BYTES + body
  const end = protectedEnd + (key === undefined ? 0 : 24)
  const bytes = new Uint8Array(end + room)
  const words = view(bytes)
  words.setUint16(0, typeOf(message.kind, message.method))
  words.setUint32(4, MAGIC_COOKIE)
  bytes.set(message.transactionId, 8)
  let at = HEADER_BYTES
  for (const { type, value } of message.attributes) {
    words.setUint16(at, type)
    words.setUint16(at + 2, value.length)
    bytes.set(value, at + 4)
    at += 4 + value.length + padding(value.length)
  }
  words.setUint16(2, end - HEADER_BYTES)
  if (key !== undefined) {
    words.setUint16(protectedEnd, MESSAGE_INTEGRITY)
    words.setUint16(protectedEnd + 2, 20)
    bytes.set(hmacSha1(key, bytes.subarray(0, protectedEnd)), protectedEnd + 4)
  }
  return { bytes, words, end }
}

const KINDS: readonly StunKind[] = ['request', 'indication', 'success', 'error']

// RFC 8489 §5, figure 3: the two bits of the class are between those of the method.
const typeOf = (kind: StunKind, method: number): number => {
  const bits = KINDS.indexOf(kind)
  return (method & 0x000f) | ((method & 0x0070) << 1) | ((method & 0x0f80) << 2) | ((bits & 1) << 4) | ((bits & 2) << 7)
}

const fingerprint = (bytes: Uint8Array): number => (crc32(bytes) ^ FINGERPRINT_XOR) >>> 0

const withLength = (bytes: Uint8Array, length: number): Uint8Array => {
  const copy = new Uint8Array(bytes)
  view(copy).setUint16(2, length)
  return copy
}

const padding = (length: number): number => (4 - (length % 4)) % 4
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
const refused = (reason: StunRefusal): StunVerdict => ({ type: 'refused', reason })
