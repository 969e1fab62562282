import { embeddedIpv4 } from './embedded-ipv4.ts'
import type { AddressBytes } from './ip-address.ts'
import { whyNeverAServer } from './never-a-server.ts'
import { parsePrefix, prefixContains, type Prefix } from './prefix.ts'

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text)
  if (parsed === undefined) throw new TypeError(`not a prefix: ${text}`)
  return parsed
}

// Ranges of wire §4.
/** Tunnel addresses of clients and gateways. */
export const TUNNEL_ADDRESSES = [prefix('100.64.0.0/11'), prefix('fd00:2021:1111::/107')] as const
/** Addresses that a client maps to names of DNS resources; each client has its own mapping. */
export const MAPPED_ADDRESSES = [prefix('100.96.0.0/11'), prefix('fd00:2021:1111:8000::/107')] as const
/** Addresses of the client's resolver, one per upstream server. Within the mapped range in IPv4. */
export const SENTINEL_ADDRESSES = [prefix('100.100.111.0/24'), prefix('fd00:2021:1111:8000:100:100:111:0/120')] as const
/** All ranges reserved for tunnels: never a resource, an upstream resolver or an answer for a name. */
export const OWN_ADDRESSES = [prefix('100.64.0.0/10'), prefix('fd00:2021:1111::/48')] as const

/** Addresses that are valid on one link only. */
export const LINK_LOCAL_ADDRESSES = [prefix('169.254.0.0/16'), prefix('fe80::/10')] as const

/** Multicast and broadcast addresses. */
export const MULTICAST_ADDRESSES = [prefix('224.0.0.0/4'), prefix('255.255.255.255/32'), prefix('ff00::/8')] as const

/**
 * IPv4 ranges that IANA's special-purpose registry calls not globally reachable, except for documentation ranges, which
 * have no machines.
 */
const IPV4_NOT_INTERNET = [
  prefix('0.0.0.0/8'),
  prefix('10.0.0.0/8'),
  prefix('100.64.0.0/10'),
  prefix('127.0.0.0/8'),
  prefix('169.254.0.0/16'),
  prefix('172.16.0.0/12'),
  // Anycast addresses in this range have to reach the nearest machine of the client's network, not of the site's.
  prefix('192.0.0.0/24'),
  // 6to4 relays (RFC 7526).
  prefix('192.88.99.0/24'),
  prefix('192.168.0.0/16'),
  prefix('198.18.0.0/15'),
  prefix('224.0.0.0/4'),
  prefix('240.0.0.0/4'),
]

/**
 * Returns the IPv6 ranges that embed one of these IPv4 ranges behind `head`, which a translator or a tunnel at the site
 * would unwrap.
 */
const withPrivateIpv4 = (head: Prefix): Prefix[] =>
  IPV4_NOT_INTERNET.map(({ address, length }) => {
    const bytes = new Uint8Array(head.address)
    bytes.set(address, head.length / 8)
    return { address: bytes, length: head.length + length }
  })

/**
 * Ranges that the Internet resource does not include (wire §5): private, loopback, link-local, shared, multicast,
 * reserved and IPv4-mapped addresses, others that IANA calls not globally reachable, and IPv6 addresses that embed such
 * an IPv4 address.
 */
export const NOT_INTERNET: readonly Prefix[] = [
  ...IPV4_NOT_INTERNET,
  // Unspecified, loopback, IPv4-compatible (RFC 4291 §2.5.5.1).
  prefix('::/96'),
  prefix('::ffff:0.0.0.0/96'),
  // IPv4-translated (RFC 2765).
  prefix('::ffff:0:0:0/96'),
  // NAT64: well-known prefix (RFC 6052) and local-use prefix (RFC 8215).
  ...withPrivateIpv4(prefix('64:ff9b::/96')),
  prefix('64:ff9b:1::/48'),
  prefix('100::/64'),
  prefix('100:0:0:1::/64'),
  // IETF protocol assignments, among them Teredo and benchmarks.
  prefix('2001::/23'),
  // 6to4, RFC 3056.
  ...withPrivateIpv4(prefix('2002::/16')),
  prefix('3fff::/20'),
  prefix('5f00::/16'),
  prefix('fc00::/7'),
  prefix('fe80::/10'),
  // Site-local, RFC 3879.
  prefix('fec0::/10'),
  prefix('ff00::/8'),
]

/**
 * Whether the Internet resource includes an address: neither the address nor an embedded one is in `NOT_INTERNET` or
 * cannot be a server's.
 */
export const isOfInternet = (address: AddressBytes): boolean =>
  !isInRange(NOT_INTERNET, address) &&
  whyNeverAServer(address) === undefined &&
  embeddedIpv4(address).every((ipv4) => !isInRange(IPV4_NOT_INTERNET, ipv4))

/** Whether one of the ranges contains the address of `addressLength` bytes at `offset`. */
export const isInRange = (
  ranges: readonly Prefix[],
  bytes: Uint8Array,
  { offset = 0, addressLength = bytes.length }: { offset?: number; addressLength?: number } = {},
): boolean => {
  for (const range of ranges) if (prefixContains(range, bytes, { offset, addressLength })) return true
  return false
}
