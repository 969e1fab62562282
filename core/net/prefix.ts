import { formatAddress, parseAddress, type AddressBytes } from './ip-address.ts'

/** An IP prefix. The bits of `address` beyond `length` are zero. */
export interface Prefix {
  readonly address: AddressBytes
  readonly length: number
}

/** Parses a prefix (`192.0.2.0/24`); undefined if the text is malformed, lacks a length or has host bits (wire §2). */
export const parsePrefix = (text: string): Prefix | undefined => {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text)
  const address = parseAddress(match?.[1] ?? '')
  const length = Number(match?.[2] ?? Number.NaN)
  if (address === undefined || !(length <= address.length * 8)) return undefined
  for (let bit = length; bit < address.length * 8; bit++) if (bitAt(address, 0, bit) !== 0) return undefined
  return { address, length }
}

/** Returns the prefix of a single address. */
export const hostPrefix = (address: AddressBytes): Prefix => ({ address, length: address.length * 8 })

export const formatPrefix = ({ address, length }: Prefix): string => `${formatAddress(address)}/${length}`

/**
 * Whether a prefix contains the address of `addressLength` bytes at `offset`. Never for an address of the other family.
 */
export const prefixContains = (
  { address, length }: Prefix,
  bytes: Uint8Array,
  { offset = 0, addressLength = bytes.length }: { offset?: number; addressLength?: number } = {},
): boolean => {
  if (address.length !== addressLength) return false
  const whole = length >> 3
  for (let at = 0; at < whole; at++) if (address[at] !== bytes[offset + at]) return false
  const rest = length & 7
  if (rest === 0) return true
  const mask = 0xff << (8 - rest)
  return (((address[whole] ?? 0) ^ (bytes[offset + whole] ?? 0)) & mask & 0xff) === 0
}

/** Whether `outer` contains every address of `inner`. */
export const prefixCovers = (outer: Prefix, inner: Prefix): boolean =>
  outer.length <= inner.length && prefixContains(outer, inner.address)

/** Reads a bit of an address; bit 0 is the most significant. */
export const bitAt = (bytes: Uint8Array, offset: number, bit: number): 0 | 1 =>
  (((bytes[offset + (bit >> 3)] ?? 0) >> (7 - (bit & 7))) & 1) as 0 | 1
