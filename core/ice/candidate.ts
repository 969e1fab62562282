// ICE candidates (RFC 8445 §5.1) and their text (RFC 8839 §5.1).
import ipaddr from 'ipaddr.js'
import { whyNeverAServer } from '../net/never-a-server.ts'
import { crc32 } from '../crypto/crc32.ts'
import { endpoint, splitEndpoint, type Endpoint, type Family } from '../runtime/endpoint.ts'

/** Type of a candidate (RFC 8445 §4): host, server-reflexive, peer-reflexive or relayed. */
export type CandidateType = 'host' | 'srflx' | 'prflx' | 'relay'

/** An ICE candidate: an endpoint at which an agent may be reached. */
export interface Candidate {
  /** Foundation (RFC 8445 §5.1.1.3), 1 to 32 letters, digits, `+` or `/`. */
  foundation: string
  /** Priority, 1 to 2^31 - 1. */
  priority: number
  /** Canonical endpoint of `address` and `port`. */
  endpoint: Endpoint
  family: Family
  address: string
  port: number
  type: CandidateType
}

// Recommended type preferences (RFC 8445 §5.1.2.2); relays come last.
const TYPE_PREFERENCE = { host: 126, prflx: 110, srflx: 100, relay: 2 } as const
const LOCAL_PREFERENCE = { ipv6: 65535, ipv4: 65534 } as const
const COMPONENT = 1
const MAX_TEXT_CHARACTERS = 512

/**
 * Computes the priority of a candidate (RFC 8445 §5.1.2.1). `nth` is its index among those of the same type and family.
 */
export const candidatePriority = (type: CandidateType, family: Family, nth = 0): number =>
  TYPE_PREFERENCE[type] * 2 ** 24 + Math.max(0, LOCAL_PREFERENCE[family] - nth) * 2 ** 8 + (256 - COMPONENT)

/**
 * Makes the host candidates of a machine with one socket per family, bound to all addresses. Leaves out addresses that
 * cannot be reached from other machines: loopback, link-local, multicast, unspecified. IPv6 comes first.
 */
export const hostCandidates = (
  addresses: readonly string[],
  ports: { ipv4?: number | undefined; ipv6?: number | undefined },
): Candidate[] => {
  const counts = { ipv4: 0, ipv6: 0 }
  const found = new Map<string, Candidate>()
  for (const text of addresses) {
    const parsed = parseAddress(text)
    if (parsed === undefined || UNREACHABLE.includes(parsed.range)) continue
    const port = ports[parsed.family]
    if (port === undefined || found.has(parsed.address)) continue
    const priority = candidatePriority('host', parsed.family, counts[parsed.family]++)
    found.set(parsed.address, candidate({ type: 'host', priority, port, base: parsed.address, ...parsed }))
  }
  return [...found.values()].sort((a, b) => b.priority - a.priority)
}

/**
 * Makes a peer-reflexive candidate for the sender of an authenticated check that was not signalled (RFC 8445 §7.3.1.3).
 */
export const peerReflexive = (where: { address: string; port: number; family: Family }, priority: number): Candidate =>
  candidate({ type: 'prflx', priority, base: where.address, ...where })

/**
 * Makes a server-reflexive candidate (RFC 8445 §5.1.1.2): an endpoint outside of a NAT. `base` is the address of the
 * host candidate behind it, `server` who told it, `nth` its index among those of the same family. Undefined if nobody
 * can reach the endpoint.
 */
export const serverReflexive = (
  where: Endpoint,
  { base, server, nth }: { base: string; server: string; nth: number },
): Candidate | undefined => {
  const parts = splitEndpoint(where)
  const parsed = parts === undefined ? undefined : parseAddress(parts.address)
  if (parts === undefined || parsed === undefined || !isOfferable(parsed.address)) return undefined
  const priority = candidatePriority('srflx', parsed.family, nth)
  return candidate({ type: 'srflx', priority, base, server, ...parsed, port: parts.port })
}

/**
 * Makes a relayed candidate (RFC 8445 §5.1.1.2): an endpoint that a relay has allocated. `relay` is the relay's own
 * endpoint, `nth` its index among the relays. Undefined if nobody can reach the endpoint.
 */
export const relayedCandidate = (
  where: Endpoint,
  { relay, nth }: { relay: string; nth: number },
): Candidate | undefined => {
  const parts = splitEndpoint(where)
  const parsed = parts === undefined ? undefined : parseAddress(parts.address)
  if (parts === undefined || parsed === undefined || !isOfferable(parsed.address)) return undefined
  const priority = candidatePriority('relay', parsed.family, nth)
  return candidate({ type: 'relay', priority, base: parsed.address, server: relay, ...parsed, port: parts.port })
}

/** Whether a canonical address belongs to a network of its own, such as 10.0.0.0/8: elsewhere it means another machine. */
export const isPrivate = (address: string): boolean => PRIVATE.includes(parseAddress(address)?.range ?? '')

/** Whether other machines may reach a canonical address: candidates with another one are neither sent nor taken. */
export const isOfferable = (address: string): boolean => {
  const parsed = parseAddress(address)
  return parsed !== undefined && !UNREACHABLE.includes(parsed.range) && !isService(parsed.address)
}

/** Formats a candidate as `candidate:<foundation> 1 udp <priority> <address> <port> typ <type> …`. */
export const formatCandidate = ({ foundation, priority, address, port, type, family }: Candidate): string => {
  const line = `candidate:${foundation} ${COMPONENT} udp ${priority} ${address} ${port} typ ${type}`
  // RFC 8839 §5.1 allows zeros for the related address, which the other side does not need, and which would reveal our
  // network.
  return type === 'host' ? line : `${line} raddr ${family === 'ipv4' ? '0.0.0.0' : '::'} rport 0`
}

/**
 * Parses a candidate; undefined if it is malformed or not usable here: another component or transport, a name, an
 * unreachable address.
 */
export const parseCandidate = (line: string): Candidate | undefined => {
  if (line.length > MAX_TEXT_CHARACTERS) return undefined
  const match =
    /^(?:a=)?candidate:([A-Za-z0-9+/]{1,32}) (\d{1,5}) (\S+) (\d{1,10}) (\S+) (\d{1,5}) typ (host|srflx|prflx|relay)(?: .*)?$/.exec(
      line,
    )
  if (match === null) return undefined
  const [, foundation = '', component, transport = '', priorityText, addressText = '', portText, type] = match
  const priority = Number(priorityText)
  const port = Number(portText)
  const parsed = parseAddress(addressText)
  if (Number(component) !== COMPONENT || transport.toLowerCase() !== 'udp') return undefined
  if (priority < 1 || priority > 0x7fffffff || port < 1 || port > 0xffff) return undefined
  if (parsed === undefined || !isOfferable(parsed.address)) return undefined
  const { address, family } = parsed
  return { foundation, priority, address, family, port, type: type as CandidateType, endpoint: endpoint(address, port) }
}

/** Parses an address and formats it canonically, as the kernel does for the source of a datagram. */
const parseAddress = (text: string): { address: string; family: Family; range: string } | undefined => {
  if (text.includes('%') || !(ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text))) return undefined
  const parsed = ipaddr.parse(text)
  return { address: parsed.toString(), family: parsed.kind(), range: parsed.range() }
}

/** Whether an address cannot be a tunnel's end, such as a cloud's metadata service or an embedded loopback address. */
const isService = (address: string): boolean => {
  const bytes = ipaddr.parse(address).toByteArray()
  const reason = whyNeverAServer(new Uint8Array(bytes))
  // Machines behind a carrier-grade NAT may have addresses in 100.64.0.0/10, the range of tunnels.
  return reason !== undefined && reason !== 'tunnel'
}

const PRIVATE: readonly string[] = ['private', 'carrierGradeNat', 'uniqueLocal']
const UNREACHABLE: readonly string[] = ['unspecified', 'loopback', 'linkLocal', 'multicast', 'broadcast', 'ipv4Mapped']

const candidate = (parts: {
  type: CandidateType
  priority: number
  address: string
  family: Family
  port: number
  base: string
  server?: string
}): Candidate => ({
  // RFC 8445 §5.1.1.3: equal for candidates of the same type, base, transport and STUN server.
  foundation: crc32(new TextEncoder().encode([parts.type, parts.base, 'udp', parts.server ?? []].flat().join(' ')))
    .toString(16)
    .padStart(8, '0'),
  priority: parts.priority,
  address: parts.address,
  family: parts.family,
  port: parts.port,
  type: parts.type,
  endpoint: endpoint(parts.address, parts.port),
})
