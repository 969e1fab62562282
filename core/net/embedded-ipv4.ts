import type { AddressBytes } from './ip-address.ts'

/**
 * Returns the IPv4 addresses embedded in an IPv6 address, to which a kernel, a translator or a tunnel would send its
 * packets. There can be several: the length of a NAT64 prefix may be unknown, and a Teredo address has two ends. Empty
 * for an IPv4 address.
 */
export const embeddedIpv4 = (address: AddressBytes): AddressBytes[] => {
  if (address.length !== 16) return []
  const found: AddressBytes[] = []
  // IPv4-compatible (RFC 4291 §2.5.5.1), IPv4-mapped (§2.5.5.2), IPv4-translated (RFC 2765 §2.1), NAT64's well-known
  // prefix (RFC 6052 §2.1).
  if (BEFORE_LAST_FOUR.some((head) => startsWith(address, head))) found.push(address.subarray(12))
  if (startsWith(address, LOCAL_NAT64)) {
    // RFC 6052 §2.2: byte 8 is skipped. A reading that begins with zero is padding of a prefix of another length, or in
    // 0.0.0.0/8.
    const readings = LOCAL_NAT64_PLACES.map((places) => Uint8Array.from(places, (at) => address[at] ?? 0))
    found.push(...readings.filter(([first]) => first !== 0))
  }
  // 6to4 (RFC 3056 §2).
  if (startsWith(address, SIX_TO_FOUR)) found.push(address.subarray(2, 6))
  // Teredo (RFC 4380 §4): the server's address, and the client's with inverted bits.
  if (startsWith(address, TEREDO))
    found.push(
      address.subarray(4, 8),
      address.subarray(12).map((byte) => ~byte),
    )
  // ISATAP (RFC 5214 §6.1): an interface identifier in any prefix, with or without the universal bit.
  if (ISATAP.some((identifier) => identifier.every((byte, at) => address[8 + at] === byte))) {
    found.push(address.subarray(12))
  }
  return found
}

const startsWith = (address: AddressBytes, head: readonly number[]): boolean =>
  head.every((byte, at) => address[at] === byte)

const ZEROS = [0, 0, 0, 0, 0, 0, 0, 0]
const BEFORE_LAST_FOUR = [
  [...ZEROS, 0, 0, 0, 0],
  [...ZEROS, 0, 0, 0xff, 0xff],
  [...ZEROS, 0xff, 0xff, 0, 0],
  [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0],
]
/** Local-use NAT64 prefix (RFC 8215), in which a site chooses prefixes of 48, 56, 64 or 96 bits. */
const LOCAL_NAT64 = [0, 0x64, 0xff, 0x9b, 0, 1]
const LOCAL_NAT64_PLACES = [
  [6, 7, 9, 10],
  [7, 9, 10, 11],
  [9, 10, 11, 12],
  [12, 13, 14, 15],
]
const SIX_TO_FOUR = [0x20, 0x02]
const TEREDO = [0x20, 0x01, 0, 0]
const ISATAP = [
  [0, 0, 0x5e, 0xfe],
  [2, 0, 0x5e, 0xfe],
]
