import { embeddedIpv4 } from './embedded-ipv4.ts'
import type { AddressBytes } from './ip-address.ts'
import { whyNeverAServer } from './never-a-server.ts'
import { parsePrefix, prefixContains, type Prefix } from './prefix.ts'

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text)
  if (parsed === undefined) throw new TypeError(`not a prefix: ${text}`)
  return parsed
}

// wire §4.
/** Tunnel addresses of clients and gateways. */
export const TUNNEL_ADDRESSES = [prefix('100.64.0.0/11'), prefix('fd00:2021:1111::/107')] as const
/** Addresses that stand for the names of DNS resources, per client. */
export const MAPPED_ADDRESSES = [prefix('100.96.0.0/11'), prefix('fd00:2021:1111:8000::/107')] as const
/** The client's resolver: one address per upstream. Inside the mapped range in IPv4. */
export const SENTINEL_ADDRESSES = [prefix('100.100.111.0/24'), prefix('fd00:2021:1111:8000:100:100:111:0/120')] as const
/** Everything that is the product's own: never a resource, an upstream resolver or the answer for a name. */
export const OWN_ADDRESSES = [prefix('100.64.0.0/10'), prefix('fd00:2021:1111::/48')] as const

/** Multicast, and what else reaches more or less than one machine. */
export const MULTICAST_ADDRESSES = [prefix('224.0.0.0/4'), prefix('255.255.255.255/32'), prefix('ff00::/8')] as const

/** Not globally reachable by IANA's special-purpose registry. Without its documentation ranges, where nobody is. */
const IPV4_NOT_INTERNET = [
  prefix('0.0.0.0/8'),
  prefix('10.0.0.0/8'),
  prefix('100.64.0.0/10'),
  prefix('127.0.0.0/8'),
  prefix('169.254.0.0/16'),
  prefix('172.16.0.0/12'),
  // Its few anycast addresses find what is nearest: of the client's network, not of the site's.
  prefix('192.0.0.0/24'),
  // Relays of 6to4, RFC 7526.
  prefix('192.88.99.0/24'),
  prefix('192.168.0.0/16'),
  prefix('198.18.0.0/15'),
  prefix('224.0.0.0/4'),
  prefix('240.0.0.0/4'),
]

/** IPv6 addresses that a translator or a tunnel at the site turns into one of these: behind `head` follows the IPv4 address. */
const withPrivateIpv4 = (head: Prefix): Prefix[] =>
  IPV4_NOT_INTERNET.map(({ address, length }) => {
    const bytes = new Uint8Array(head.address)
    bytes.set(address, head.length / 8)
    return { address: bytes, length: head.length + length }
  })

/**
 * What the Internet resource never carries (wire §5): private, loopback, link-local, shared, multicast, reserved and IPv4-mapped addresses, what else
 * IANA calls not globally reachable, and other spellings of such IPv4 addresses.
 */
export const NOT_INTERNET: readonly Prefix[] = [
  ...IPV4_NOT_INTERNET,
  // Unspecified, loopback, IPv4-compatible (RFC 4291 §2.5.5.1).
  prefix('::/96'),
  prefix('::ffff:0.0.0.0/96'),
  // RFC 2765
  prefix('::ffff:0:0:0/96'),
  // NAT64: the common prefix (RFC 6052), and one of the site's own (RFC 8215).
  ...withPrivateIpv4(prefix('64:ff9b::/96')),
  prefix('64:ff9b:1::/48'),
  prefix('100::/64'),
  prefix('100:0:0:1::/64'),
  // IETF's protocol assignments, Teredo and benchmarks among them.
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

/** Whether the Internet resource carries packets to an address: not to `NOT_INTERNET`, what is nobody's server, or an address that embeds such an IPv4 address. */
export const isOfInternet = (address: AddressBytes): boolean =>
  !isInRange(NOT_INTERNET, address) &&
  whyNeverAServer(address) === undefined &&
  embeddedIpv4(address).every((ipv4) => !isInRange(IPV4_NOT_INTERNET, ipv4))

/** Whether the address at `offset`, of `addressLength` bytes, is in one of the ranges. */
export const isInRange = (
  ranges: readonly Prefix[],
  bytes: Uint8Array,
  { offset = 0, addressLength = bytes.length }: { offset?: number; addressLength?: number } = {},
): boolean => {
  for (const range of ranges) if (prefixContains(range, bytes, { offset, addressLength })) return true
  return false
}
