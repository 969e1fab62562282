import ipaddr from 'ipaddr.js'

export interface AddressRange {
  bytes: readonly number[]
  prefix: number
  hasHostBits: boolean
}

/**
 * Parses an address into its 4 or 16 bytes; an IPv4-mapped IPv6 address becomes the IPv4 address. Undefined if it is
 * not an address.
 */
export const parseAddress = (text: string): readonly number[] | undefined => {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text).toByteArray()
  // An address with a zone (`%eth0`) is refused: it is valid on one machine's interface only.
  if (!ipaddr.IPv6.isValid(text) || text.includes('%')) return undefined
  const address = ipaddr.IPv6.parse(text)
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toByteArray() : address.toByteArray()
}

/** Parses an address or a network in CIDR notation; undefined for anything else. */
export const parseRange = (text: string): AddressRange | undefined => {
  const [address = '', length, ...rest] = text.split('/')
  const bytes = parseAddress(address)
  if (bytes === undefined || rest.length > 0) return undefined
  const bits = bytes.length * 8
  if (length === undefined) return { bytes, prefix: bits, hasHostBits: false }
  if (!/^\d{1,3}$/.test(length)) return undefined
  // The prefix length of an IPv4-mapped network, ::ffff:192.0.2.0/120, includes the 96 bits of the mapping.
  const prefix = Number(length) - (address.includes(':') && bits === 32 ? 96 : 0)
  if (prefix < 0 || prefix > bits) return undefined
  return { bytes, prefix, hasHostBits: bytes.some((byte, index) => (byte & hostMask(prefix, index)) !== 0) }
}

/** Whether an address, as bytes, is in a range. */
export const includes = ({ bytes, prefix }: AddressRange, address: readonly number[]): boolean =>
  bytes.length === address.length &&
  bytes.every((byte, index) => ((byte ^ (address[index] ?? 0)) & ~hostMask(prefix, index) & 0xff) === 0)

/** Returns a mask of the bits of byte `index` that are beyond the prefix. */
const hostMask = (prefix: number, index: number): number => {
  const inside = Math.min(8, Math.max(0, prefix - index * 8))
  return 0xff >> inside
}
