import { parseAddress } from '../net/ip-address.ts'
import { formatPrefix, parsePrefix, prefixContains, prefixCovers, type Prefix } from '../net/prefix.ts'
import { DEFAULT_RANGES, type AddressRanges } from '../net/address-ranges.ts'
import type { HostProblem } from '../runtime/host-problems.ts'

/** Route to a device. */
export interface LinkRoute {
  /** Destination prefix, with its length. */
  prefix: string
  device: string
  /** Source address for connections over this route; the kernel's choice by default. */
  source?: string
}

/** Route of type `throw`: ends the lookup in this table, and the next rule decides. */
export interface ThrowRoute {
  prefix: string
  type: 'throw'
}

export type PlannedRoute = LinkRoute | ThrowRoute

/** Networks and addresses of one family that this machine has beside the tunnel. */
export interface Surroundings {
  /** Networks that are directly connected to a link. */
  links: readonly LinkRoute[]
  /** Addresses of other devices, without prefix length, whose answers to others take the machine's own routes. */
  ownAddresses: readonly string[]
}

/** Routes of one family, by routing table. */
export interface RoutePlan {
  /** Routes to resources and, at a gateway, to its clients. */
  resources: PlannedRoute[]
  /** Routes to networks on links, which stay local beside an Internet resource. */
  links: PlannedRoute[]
  /** Default route of an Internet resource. */
  internet: PlannedRoute[]
  /** Addresses whose packets take the machine's own routes: answers to connections that others have made to them. */
  replies: string[]
  problems: HostProblem[]
}

/**
 * Link-local, multicast and broadcast addresses, which even a full tunnel leaves to the machine's own routing tables.
 */
const NEVER_REMOTE = {
  ipv4: ['169.254.0.0/16', '224.0.0.0/4', '255.255.255.255/32'],
  ipv6: ['fe80::/10', 'ff00::/8'],
} as const

const EVERYTHING: readonly string[] = ['0.0.0.0/0', '::/0']

/** Prefixes to lead to the tunnel device, and the ranges of the account's tunnels, the usual ones by default. */
export interface RoutesWanted {
  device: string
  prefixes: readonly string[]
  ranges?: AddressRanges
}

/**
 * Plans the routes of one family that lead `prefixes` to the tunnel device. A network on a link goes before the ranges
 * of tunnels (M6), and a resource's prefix before a network on a link.
 */
export const planRoutes = (
  family: 'ipv4' | 'ipv6',
  { device, prefixes, ranges = DEFAULT_RANGES }: RoutesWanted,
  surroundings: Surroundings,
): RoutePlan => {
  const { ownAddresses } = surroundings
  // If two links have the same network, the first one counts, as in the kernel's own table.
  const links = [...new Map(surroundings.links.toReversed().map((link) => [link.prefix, link])).values()].toReversed()
  const everything = EVERYTHING.filter((prefix) => prefixes.includes(prefix))
  const resources: PlannedRoute[] = []
  const problems = new Map<string, HostProblem>()
  for (const text of new Set(prefixes)) {
    const prefix = parsePrefix(text)
    if (prefix === undefined || everything.includes(text)) continue
    const rivals = ranges.own.some((own) => prefixCovers(own, prefix))
      ? links.filter((link) => overlaps(link.prefix, prefix))
      : []
    for (const rival of rivals) problems.set(rival.prefix, overlap(rival, prefix, ranges))
    if (rivals.some((rival) => covers(rival.prefix, prefix))) continue
    resources.push({ prefix: text, device })
    for (const rival of rivals) resources.push({ prefix: rival.prefix, type: 'throw' })
  }
  return {
    resources,
    links: everything.length === 0 ? [] : links,
    internet: everything.flatMap((prefix) => [
      ...NEVER_REMOTE[family].map((local) => ({ prefix: local, type: 'throw' }) as const),
      { prefix, device },
    ]),
    replies: prefixes.length === 0 ? [] : ownAddresses.filter(isAnswered),
    problems: [...problems.values()],
  }
}

const covers = (text: string, inner: Prefix): boolean => {
  const outer = parsePrefix(text)
  return outer !== undefined && prefixCovers(outer, inner)
}

const overlaps = (text: string, prefix: Prefix): boolean => {
  const other = parsePrefix(text)
  return other !== undefined && (prefixCovers(other, prefix) || prefixCovers(prefix, other))
}

/** Whether others can have connections to an address: it is neither loopback nor link-local. */
const isAnswered = (address: string): boolean => {
  const bytes = parseAddress(address)
  return bytes !== undefined && !UNANSWERED.some((prefix) => prefixContains(prefix, bytes))
}

const UNANSWERED = ['127.0.0.0/8', '169.254.0.0/16', '::1/128', 'fe80::/10'].flatMap((text) => parsePrefix(text) ?? [])

/** Returns the ranges without which hardly anything passes: the client's resolver, and the addresses mapped first. */
const needed = ({ sentinels, mapped }: AddressRanges): Prefix[] => [
  ...sentinels,
  ...mapped.map(({ address, length }) => ({ address, length: Math.max(length, address.length * 8 - 16) })),
]

const overlap = ({ prefix, device }: LinkRoute, range: Prefix, ranges: AddressRanges): HostProblem => ({
  code: 'network_overlap',
  said: `the network ${prefix} on ${device} is within the tunnels’ range ${formatPrefix(range)}: it stays local, and what the tunnel has there is not reached`,
  remedy:
    'Have an admin give the account other ranges (`address_ranges` of `PATCH /api/v1/account`), give that network other addresses, or run Portreeve on a machine outside of it.',
  blocks:
    covers(prefix, range) || needed(ranges).some((one) => overlaps(prefix, one) && overlaps(formatPrefix(range), one)),
})
