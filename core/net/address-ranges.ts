// Ranges of addresses that the tunnels of an account use. They are the same in every account unless an admin has chosen
// others, because the usual ones are in use in a network of the account's (carrier-grade NAT, a cloud's own networks).
import type { AddressBytes } from './ip-address.ts'
import { formatPrefix, parsePrefix, prefixCovers, type Prefix } from './prefix.ts'
import { isInRange, MAPPED_ADDRESSES, OWN_ADDRESSES, SENTINEL_ADDRESSES, TUNNEL_ADDRESSES } from './reserved-range.ts'

/** Prefix of each family, IPv4 first. */
export type PrefixPair = readonly [ipv4: Prefix, ipv6: Prefix]

/** Ranges of addresses of an account's tunnels. */
export interface AddressRanges {
  /** Tunnel addresses of clients and gateways. */
  readonly tunnel: PrefixPair
  /** Addresses that a client maps to names of DNS resources; each client has its own mapping. */
  readonly mapped: PrefixPair
  /** Addresses of the client's resolver, one per upstream server; those of IPv4 are among the mapped addresses. */
  readonly sentinels: PrefixPair
  /** All ranges that belong to tunnels. */
  readonly own: readonly Prefix[]
}

/** Ranges as an admin writes them: prefixes in canonical text. */
export interface AddressRangeTexts {
  devices_ipv4: string
  devices_ipv6: string
  mapped_ipv4: string
  mapped_ipv6: string
}

/** Ranges of accounts that have not chosen others. Wire §4 */
export const DEFAULT_RANGES: AddressRanges = {
  tunnel: TUNNEL_ADDRESSES,
  mapped: MAPPED_ADDRESSES,
  sentinels: SENTINEL_ADDRESSES,
  own: OWN_ADDRESSES,
}

/** Texts of `DEFAULT_RANGES`. */
export const DEFAULT_RANGE_TEXTS: AddressRangeTexts = {
  devices_ipv4: '100.64.0.0/11',
  devices_ipv6: 'fd00:2021:1111::/64',
  mapped_ipv4: '100.96.0.0/11',
  mapped_ipv6: 'fd00:2021:1111:8000::/64',
}

/** Shortest and longest prefix lengths of the IPv4 ranges: a thousand devices, four thousand names at least. */
const LENGTHS = { devices_ipv4: [11, 22], mapped_ipv4: [11, 18] } as const
/** Length of the IPv6 ranges. Their last 21 bits are used, as many as the largest IPv4 range has. */
const IPV6_LENGTH = 64
const USED_IPV6_LENGTH = 107

/** Bits of an address for hosts, at most, in the ranges of both families. */
export const HOST_BITS = 21

// Offset of 100.100.111.0 in 100.96.0.0/11; and the end of a sentinel's IPv6 address.
const SENTINELS_AT = ((100 - 96) << 16) | (111 << 8)
const SENTINEL_TAIL = Uint8Array.of(1, 0, 1, 0, 1, 0x11, 0, 0)

/** Reads the ranges of an account; undefined if they are not allowed, see `rangeProblems`. */
export const addressRanges = (texts: AddressRangeTexts): AddressRanges | undefined => {
  if (isDefault(texts)) return DEFAULT_RANGES
  if (rangeProblems(texts).length > 0) return undefined
  const [devices, devices6, mapped, mapped6] = KEYS.flatMap((key) => parsePrefix(texts[key]) ?? [])
  if (devices === undefined || devices6 === undefined || mapped === undefined || mapped6 === undefined) return undefined
  const sentinel = new Uint8Array(mapped6.address)
  sentinel.set(SENTINEL_TAIL, 8)
  return {
    tunnel: [devices, { ...devices6, length: USED_IPV6_LENGTH }],
    mapped: [mapped, { ...mapped6, length: USED_IPV6_LENGTH }],
    sentinels: [
      { address: addressAt(mapped, SENTINELS_AT & (sizeOf(mapped) - 1)), length: 24 },
      { address: sentinel, length: 120 },
    ],
    own: [devices, devices6, mapped, mapped6],
  }
}

/** Returns the ranges that a portal has told, the usual ones where it has told none, or none that are allowed. */
export const toldRanges = (texts: AddressRangeTexts | undefined): AddressRanges =>
  (texts && addressRanges(texts)) ?? DEFAULT_RANGES

/** Whether these are the ranges of accounts that have not chosen others. */
export const isDefault = (texts: AddressRangeTexts): boolean =>
  KEYS.every((key) => texts[key] === DEFAULT_RANGE_TEXTS[key])

/** Number of addresses of a range's that are used, in each family. */
export const sizeOf = ({ address, length }: Prefix): number => 2 ** Math.min(HOST_BITS, address.length * 8 - length)

/** Returns the address at an offset, below `sizeOf`, into a range. */
export const addressAt = ({ address }: Prefix, offset: number): AddressBytes => {
  const bytes = new Uint8Array(address)
  const last = bytes.length - 1
  for (let at = 0; at < 3; at++) bytes[last - at] = (bytes[last - at] ?? 0) | ((offset >>> (8 * at)) & 0xff)
  return bytes
}

/** Returns the offset of an address in a range that has it. */
export const offsetIn = (range: Prefix, address: AddressBytes): number => {
  const [high = 0, middle = 0, low = 0] = address.subarray(-3)
  return ((high << 16) | (middle << 8) | low) & (sizeOf(range) - 1)
}

/** Private and shared addresses, which others of the Internet never have. RFC 1918, RFC 6598, RFC 2544, RFC 4193 */
const ALLOWED = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '198.18.0.0/15', 'fd00::/8']
/** Metadata services of clouds among these. */
const REFUSED = [
  'fd00:ec2::/32',
  'fd20:ce::254/128',
  'fd00:a9fe:a9fe::/64',
  'fd00:c1::a9fe:a9fe/128',
  'fd00:42::42/128',
]

const KEYS = ['devices_ipv4', 'devices_ipv6', 'mapped_ipv4', 'mapped_ipv6'] as const

/** Returns why ranges are not allowed, each reason with the range that it is about; none if they are. */
export const rangeProblems = (texts: AddressRangeTexts): { range: keyof AddressRangeTexts; problem: string }[] => {
  if (isDefault(texts)) return []
  const read = KEYS.map((range) => ({ range, prefix: parsePrefix(texts[range]) }))
  return read.flatMap(({ range, prefix }, at) => {
    const problem = (text: string) => [{ range, problem: text }]
    const isIpv6 = range.endsWith('ipv6')
    if (prefix === undefined || (prefix.address.length === 16) !== isIpv6)
      return problem(`is no prefix of ${isIpv6 ? 'IPv6' : 'IPv4'} addresses without host bits`)
    if (isIpv6 && prefix.length !== IPV6_LENGTH) return problem(`has to be a /${IPV6_LENGTH}`)
    const [shortest, longest] = range === 'devices_ipv4' || range === 'mapped_ipv4' ? LENGTHS[range] : [64, 64]
    if (prefix.length < shortest || prefix.length > longest)
      return problem(`has to have a prefix length of ${shortest} to ${longest}`)
    if (!within(ALLOWED, prefix))
      return problem(
        `has to be private or shared addresses: within ${ALLOWED.filter((text) => text.includes(':') === isIpv6).join(', ')}`,
      )
    if (REFUSED.some((text) => overlapping(text, prefix))) return problem('has the metadata service of a cloud')
    const other = read.slice(0, at).find((one) => one.prefix !== undefined && overlaps(one.prefix, prefix))
    if (other !== undefined) return problem(`overlaps ${other.range}`)
    // Clients of other products map names to these addresses, whatever their account says.
    if (range.startsWith('devices') && MAPPED_ADDRESSES.some((mapped) => overlaps(mapped, prefix)))
      return problem(
        `overlaps ${MAPPED_ADDRESSES.map(formatPrefix).join(' and ')}, which clients that know of no ranges use for names`,
      )
    return []
  })
}

/** Whether one of the prefixes has an address of the other. */
export const overlaps = (one: Prefix, other: Prefix): boolean => prefixCovers(one, other) || prefixCovers(other, one)

/** Whether an address is in a range of tunnels that is for no names: another device's, or reserved. */
export const isDeviceRange = (
  { own, mapped }: { own: readonly Prefix[]; mapped: readonly Prefix[] },
  bytes: Uint8Array,
  at: { offset?: number; addressLength?: number } = {},
): boolean => isInRange(own, bytes, at) && !isInRange(mapped, bytes, at)

const within = (texts: readonly string[], prefix: Prefix): boolean =>
  texts.some((text) => {
    const outer = parsePrefix(text)
    return outer !== undefined && prefixCovers(outer, prefix)
  })

const overlapping = (text: string, prefix: Prefix): boolean => {
  const other = parsePrefix(text)
  return other !== undefined && overlaps(other, prefix)
}
