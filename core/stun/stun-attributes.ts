// STUN attributes that ICE and TURN use (RFC 8489 §14, RFC 8445 §16.1); TURN's own are in core/turn.
import { formatAddress, parseAddress } from '../net/ip-address.ts'
import { endpoint, splitEndpoint, type Endpoint } from '../runtime/endpoint.ts'
import { MAGIC_COOKIE, type StunAttribute, type StunMessage } from './stun-message.ts'

export const USERNAME = 0x0006
export const ERROR_CODE = 0x0009
export const UNKNOWN_ATTRIBUTES = 0x000a
export const REALM = 0x0014
export const NONCE = 0x0015
export const XOR_MAPPED_ADDRESS = 0x0020
export const PRIORITY = 0x0024
export const USE_CANDIDATE = 0x0025
export const SOFTWARE = 0x8022
export const ICE_CONTROLLED = 0x8029
export const ICE_CONTROLLING = 0x802a
/**
 * Portreeve's own attribute, of the range that unknowing receivers ignore (RFC 8489 §14). Pads a request to the size of
 * a path probe, or of an answer; in the answer to a probe it is empty, and tells that the other end accepts packets of
 * that size.
 */
export const PATH_PROBE = 0xc2b4

const utf8 = new TextEncoder()
const text = new TextDecoder()

/** Returns the value of the first attribute of a type; further ones are ignored (RFC 8489 §14). */
export const attribute = (message: StunMessage, type: number): Uint8Array | undefined =>
  message.attributes.find((each) => each.type === type)?.value

/** Returns the types of attributes that must be understood (below 0x8000, RFC 8489 §14) but are not in `known`. */
export const unknownRequired = (message: StunMessage, known: readonly number[]): number[] =>
  message.attributes.map(({ type }) => type).filter((type) => type < 0x8000 && !known.includes(type))

export const textAttribute = (type: number, value: string): StunAttribute => ({ type, value: utf8.encode(value) })

export const readText = (message: StunMessage, type: number): string | undefined => {
  const value = attribute(message, type)
  return value === undefined ? undefined : text.decode(value)
}

export const uint32Attribute = (type: number, number: number): StunAttribute => {
  const value = new Uint8Array(4)
  new DataView(value.buffer).setUint32(0, number)
  return { type, value }
}

export const readUint32 = (message: StunMessage, type: number): number | undefined => {
  const value = attribute(message, type)
  if (value?.length !== 4) return undefined
  return new DataView(value.buffer, value.byteOffset, 4).getUint32(0)
}

export const errorAttribute = (code: number, reason: string): StunAttribute => {
  const words = utf8.encode(reason)
  const value = new Uint8Array(4 + words.length)
  value[2] = Math.floor(code / 100)
  value[3] = code % 100
  value.set(words, 4)
  return { type: ERROR_CODE, value }
}

export const readErrorCode = (message: StunMessage): number | undefined => {
  const value = attribute(message, ERROR_CODE)
  if (value === undefined || value.length < 4) return undefined
  return ((value[2] ?? 0) & 7) * 100 + (value[3] ?? 0)
}

/**
 * Encodes an endpoint masked by the cookie and the transaction id, so that middleboxes do not rewrite it (RFC 8489
 * §14.2).
 */
export const xorAddressAttribute = (
  type: number,
  where: Endpoint,
  transactionId: Uint8Array,
): StunAttribute | undefined => {
  const parts = splitEndpoint(where)
  const address = parseAddress(parts?.address ?? '')
  if (parts === undefined || address === undefined) return undefined
  const value = new Uint8Array(4 + address.length)
  value[1] = address.length === 4 ? 1 : 2
  new DataView(value.buffer).setUint16(2, parts.port ^ (MAGIC_COOKIE >>> 16))
  value.set(masked(address, transactionId), 4)
  return { type, value }
}

/** Reads the endpoint in the first attribute of a type. */
export const readXorAddress = (message: StunMessage, type: number): Endpoint | undefined => {
  const value = attribute(message, type)
  return value === undefined ? undefined : readMasked(value, message.transactionId)
}

/** Reads all attributes of a type; undefined if one of them is no address. */
export const readXorAddresses = (message: StunMessage, type: number): Endpoint[] | undefined => {
  const values = message.attributes.filter((each) => each.type === type)
  const found = values.flatMap(({ value }) => readMasked(value, message.transactionId) ?? [])
  return found.length === values.length ? found : undefined
}

const readMasked = (value: Uint8Array, transactionId: Uint8Array): Endpoint | undefined => {
  const length = value[1] === 1 ? 4 : value[1] === 2 ? 16 : 0
  if (length === 0 || value.length !== 4 + length) return undefined
  const port = new DataView(value.buffer, value.byteOffset, 4).getUint16(2) ^ (MAGIC_COOKIE >>> 16)
  return endpoint(formatAddress(masked(value.subarray(4), transactionId)), port)
}

const masked = (address: Uint8Array, transactionId: Uint8Array): Uint8Array => {
  const mask = [0x21, 0x12, 0xa4, 0x42, ...transactionId]
  return address.map((byte, index) => byte ^ (mask[index] ?? 0))
}
