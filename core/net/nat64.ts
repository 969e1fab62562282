import type { AddressBytes } from './ip-address.ts'
import { hostPrefix, prefixContains, type Prefix } from './prefix.ts'
import { isOfInternet } from './reserved-range.ts'

/** Name that has two well-known IPv4 addresses and, from a name server with DNS64, the same within IPv6 (RFC 7050). */
export const IPV4_ONLY_NAME = 'ipv4only.arpa'

/** Addresses of `ipv4only.arpa`. */
const WELL_KNOWN = [
  [192, 0, 0, 170],
  [192, 0, 0, 171],
]
const WELL_KNOWN_PREFIX = Uint8Array.of(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0)
/** Bytes of the IPv6 address that hold the IPv4 address, by the prefix's length (RFC 6052 §2.2). */
const PLACES: ReadonlyMap<number, readonly number[]> = new Map([
  [96, [12, 13, 14, 15]],
  [64, [9, 10, 11, 12]],
  [56, [7, 9, 10, 11]],
  [48, [6, 7, 9, 10]],
  [40, [5, 6, 7, 9]],
  [32, [4, 5, 6, 7]],
])

/**
 * Finds the prefix of a network's NAT64 in an IPv6 address of `ipv4only.arpa`; undefined if none of its well-known
 * addresses is embedded, or more than once (RFC 7050 §3).
 */
export const nat64PrefixOf = (address: AddressBytes): Prefix | undefined => {
  if (address.length !== 16) return undefined
  const found = [...PLACES].flatMap(([length, places]) => {
    const isEmbedded = WELL_KNOWN.some((known) => known.every((byte, at) => address[places[at] ?? 0] === byte))
    return isEmbedded ? { address: address.map((byte, at) => (at < length / 8 ? byte : 0)), length } : []
  })
  return found.length === 1 ? found[0] : undefined
}

/**
 * Returns the IPv6 address by which a NAT64 leads to an IPv4 address; undefined if it does not: by the well-known prefix
 * only the Internet is reached (RFC 6052 §3.1).
 */
export const nat64Address = (prefix: Prefix, ipv4: AddressBytes): AddressBytes | undefined => {
  const places = PLACES.get(prefix.length)
  if (places === undefined || ipv4.length !== 4) return undefined
  if (isWellKnown(prefix) && !isOfInternet(ipv4)) return undefined
  const address = new Uint8Array(prefix.address)
  places.forEach((place, at) => (address[place] = ipv4[at] ?? 0))
  return address
}

const isWellKnown = ({ address, length }: Prefix): boolean =>
  length === 96 &&
  prefixContains({ ...hostPrefix(address), length: 96 }, Uint8Array.of(...WELL_KNOWN_PREFIX, 0, 0, 0, 0))
