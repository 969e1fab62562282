// Candidates and their text, RFC 8445 §5.1 and RFC 8839 §5.1.
import ipaddr from 'ipaddr.js'
import { whyNeverAServer } from '../net/never-a-server.ts'
import { crc32 } from '../crypto/crc32.ts'
import { endpoint, type Endpoint, type Family } from '../runtime/endpoint.ts'

export type CandidateType = 'host' | 'srflx' | 'prflx' | 'relay'

/** One way to reach an agent. */
export interface Candidate {
  /** 1 to 32 characters of the ICE alphabet. */
  foundation: string
  /** 1 … 2^31 - 1 */
  priority: number
  /** Canonical. */
  endpoint: Endpoint
  family: Family
  address: string
  port: number
  type: CandidateType
}

// RFC 8445 §5.1.2.2; relays far below everything.
const TYPE_PREFERENCE = { host: 126, prflx: 110, srflx: 100, relay: 2 } as const
const LOCAL_PREFERENCE = { ipv6: 65535, ipv4: 65534 } as const
const COMPONENT = 1
const MAX_TEXT_CHARACTERS = 512

/** RFC 8445 §5.1.2.1. `nth` counts further candidates of the same type and family from 0. */
export const candidatePriority = (type: CandidateType, family: Family, nth = 0): number =>
  TYPE_PREFERENCE[type] * 2 ** 24 + Math.max(0, LOCAL_PREFERENCE[family] - nth) * 2 ** 8 + (256 - COMPONENT)

/**
 * The host candidates of a machine whose one socket per family is bound to all addresses. What can never be reached from
 * elsewhere is left out: loopback, link-local, multicast, unspecified. IPv6 goes first.
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

/** The sender of an authenticated check that nobody told us of, RFC 8445 §7.3.1.3. */
export const peerReflexive = (where: { address: string; port: number; family: Family }, priority: number): Candidate =>
  candidate({ type: 'prflx', priority, base: where.address, ...where })

/** `candidate:<foundation> 1 udp <priority> <address> <port> typ <type> …` */
export const formatCandidate = ({ foundation, priority, address, port, type, family }: Candidate): string => {
  const line = `candidate:${foundation} ${COMPONENT} udp ${priority} ${address} ${port} typ ${type}`
  // The related address is of no use to the other side and tells it of our network: RFC 8839 §5.1 allows zeros.
  return type === 'host' ? line : `${line} raddr ${family === 'ipv4' ? '0.0.0.0' : '::'} rport 0`
}

/** Undefined for what is no candidate of ours: other components and transports, names, unroutable addresses. */
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
  if (parsed === undefined || UNREACHABLE.includes(parsed.range) || isService(parsed.address)) return undefined
  const { address, family } = parsed
  return { foundation, priority, address, family, port, type: type as CandidateType, endpoint: endpoint(address, port) }
}

/** An address in its one canonical text, as the kernel writes a datagram's source. */
const parseAddress = (text: string): { address: string; family: Family; range: string } | undefined => {
  if (text.includes('%') || !(ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text))) return undefined
  const parsed = ipaddr.parse(text)
  return { address: parsed.toString(), family: parsed.kind(), range: parsed.range() }
}

/** Nobody's tunnel ends where a cloud answers its machines, or at another machine's loopback, however that is written. */
const isService = (address: string): boolean => {
  const bytes = ipaddr.parse(address).toByteArray()
  const reason = whyNeverAServer(new Uint8Array(bytes))
  // Behind a carrier's NAT machines have addresses of 100.64.0.0/10.
  return reason !== undefined && reason !== 'tunnel'
}

const UNREACHABLE: readonly string[] = ['unspecified', 'loopback', 'linkLocal', 'multicast', 'broadcast', 'ipv4Mapped']

const candidate = (parts: {
  type: CandidateType
  priority: number
  address: string
  family: Family
  port: number
  base: string
}): Candidate => ({
  // RFC 8445 §5.1.1.3: the same for the same type, base and transport.
  foundation: crc32(new TextEncoder().encode(`${parts.type} ${parts.base} udp`))
    .toString(16)
    .padStart(8, '0'),
  priority: parts.priority,
  address: parts.address,
  family: parts.family,
  port: parts.port,
  type: parts.type,
  endpoint: endpoint(parts.address, parts.port),
})
