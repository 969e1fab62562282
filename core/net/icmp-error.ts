import { checksumOf, sumWords, updatedChecksum } from './checksum.ts'
import { isAddressAt, type AddressBytes } from './ip-address.ts'
import {
  ICMP,
  ICMPV6,
  icmpKind,
  PacketView,
  putWord,
  TCP,
  UDP,
  updateTransportChecksum,
  word,
  type PacketKind,
} from './packet-view.ts'

/** Reason in an ICMP "destination unreachable". */
export type Unreachable = 'admin-prohibited' | 'host-unreachable' | 'port-unreachable'

/**
 * Builds the ICMP "destination unreachable" packet that answers `packet`. Its source is `from`, by default the packet's
 * destination, which the application knows. Undefined if the packet must not be answered: ICMP errors, unspecified
 * senders (RFC 1122 §3.2.2, RFC 4443 §2.4 e).
 */
export const buildUnreachable = (
  packet: PacketView,
  reason: Unreachable,
  from: AddressBytes = packet.destination(),
): Uint8Array | undefined => {
  const [type, code] = packet.addressLength === 4 ? UNREACHABLE_IPV4[reason] : UNREACHABLE_IPV6[reason]
  return buildError(packet, { type, code, detail: 0, from })
}

/**
 * Builds the ICMP error for a packet that exceeds the path MTU: "fragmentation needed" (RFC 1191 §4) or "packet too
 * big" (RFC 4443 §3.2). Undefined if the packet must not be answered.
 */
export const buildTooBig = (packet: PacketView, mtu: number): Uint8Array | undefined => {
  const [type, code] = packet.addressLength === 4 ? [3, 4] : [2, 0]
  return buildError(packet, { type, code, detail: mtu, from: packet.destination() })
}

/** The packet that an ICMP error quotes. Addresses and ports are those that its sender wrote. */
export interface QuotedPacket {
  /** Offset of the quoted packet; like all offsets here in the bytes of the whole error. */
  at: number
  sourceAt: number
  destinationAt: number
  transportAt: number
  addressLength: 4 | 16
  protocol: number
  kind: PacketKind
  sourcePort: number
  destinationPort: number
  /** Offset of the end of the quote; the original packet may have been longer. */
  length: number
}

/**
 * Parses the packet that an ICMP error quotes; undefined for types of error that are not passed on, or if too little is
 * quoted.
 */
export const quotedPacket = (error: PacketView): QuotedPacket | undefined => {
  const { bytes, transportAt, addressLength, length } = error
  const type = bytes[transportAt] ?? 0
  // Unreachable, time exceeded, parameter problem; not redirect, which would change the receiver's routes.
  if (addressLength === 4 ? type !== 3 && type !== 11 && type !== 12 : type < 1 || type > 4) return undefined
  const at = transportAt + 8
  return addressLength === 4 ? quotedIpv4(bytes, at, length) : quotedIpv6(bytes, at, length)
}

/** Fields to replace in a quoted packet; absent ones are kept. */
export interface QuoteChange {
  source?: AddressBytes
  destination?: AddressBytes
  /** Source port, or the identifier of an ICMP echo. */
  sourcePort?: number
}

/** Replaces fields of a quoted packet, and updates its checksums, if they are quoted, and the error's own. */
export const rewriteQuote = (error: PacketView, quoted: QuotedPacket, change: QuoteChange): void => {
  const { bytes } = error
  if (change.source !== undefined) setQuotedAddress(bytes, quoted, quoted.sourceAt, change.source)
  if (change.destination !== undefined) setQuotedAddress(bytes, quoted, quoted.destinationAt, change.destination)
  if (change.sourcePort !== undefined) {
    const portAt = quoted.transportAt + (quoted.protocol === TCP || quoted.protocol === UDP ? 0 : 4)
    const before = word(bytes, portAt)
    putWord(bytes, portAt, change.sourcePort)
    updateTransportChecksum(bytes, quoted, before, change.sourcePort)
  }
  error.completeChecksum()
}

/** Whether the quoted packet has this source address. */
export const quotesSource = (error: PacketView, quoted: QuotedPacket, address: AddressBytes): boolean =>
  address.length === quoted.addressLength && isAddressAt(address, error.bytes, quoted.sourceAt)

/** Whether an ICMP error says "administratively prohibited", in either family. */
export const isProhibition = ({ bytes, transportAt, addressLength }: PacketView): boolean =>
  addressLength === 4
    ? bytes[transportAt] === 3 && bytes[transportAt + 1] === 13
    : bytes[transportAt] === 1 && bytes[transportAt + 1] === 1

const HOP_LIMIT = 64

/** ICMP type and code by reason (RFC 792, RFC 1812 §5.2.7.1; IPv6: RFC 4443 §3.1). */
const UNREACHABLE_IPV4 = {
  'admin-prohibited': [3, 13],
  'host-unreachable': [3, 1],
  'port-unreachable': [3, 3],
} as const
const UNREACHABLE_IPV6 = { 'admin-prohibited': [1, 1], 'host-unreachable': [1, 3], 'port-unreachable': [1, 4] } as const

interface ErrorParts {
  type: number
  code: number
  /** Second word of the ICMP header: the MTU, or 0. At most 16 bits, as in IPv4. */
  detail: number
  from: AddressBytes
}

const buildError = (packet: PacketView, parts: ErrorParts): Uint8Array | undefined => {
  if (packet.kind === 'icmpError' || isUnspecified(packet.source())) return undefined
  return packet.addressLength === 4 ? buildIpv4(packet, parts) : buildIpv6(packet, parts)
}

const buildIpv4 = (packet: PacketView, { type, code, detail, from }: ErrorParts): Uint8Array => {
  // RFC 1812 §4.3.2.3: quote as much of the packet as fits into 576 bytes.
  const quote = Math.min(packet.length, 576 - 28)
  const bytes = new Uint8Array(28 + quote)
  bytes[0] = 0x45
  bytes[1] = 0xc0 // RFC 1812 §4.3.2.5: precedence 6, internetwork control
  putWord(bytes, 2, bytes.length)
  bytes[8] = HOP_LIMIT
  bytes[9] = ICMP
  bytes.set(from, 12)
  bytes.set(packet.source(), 16)
  putWord(bytes, 10, checksumOf(sumWords(bytes, 0, 20)))
  bytes[20] = type
  bytes[21] = code
  putWord(bytes, 26, detail)
  return finish(bytes, packet, quote)
}

const buildIpv6 = (packet: PacketView, { type, code, detail, from }: ErrorParts): Uint8Array => {
  // RFC 4443 §2.4 c: quote as much as fits into the minimum MTU.
  const quote = Math.min(packet.length, 1280 - 48)
  const bytes = new Uint8Array(48 + quote)
  bytes[0] = 0x60
  putWord(bytes, 4, 8 + quote)
  bytes[6] = ICMPV6
  bytes[7] = HOP_LIMIT
  bytes.set(from, 8)
  bytes.set(packet.source(), 24)
  bytes[40] = type
  bytes[41] = code
  putWord(bytes, 46, detail)
  return finish(bytes, packet, quote)
}

const finish = (bytes: Uint8Array, packet: PacketView, quote: number): Uint8Array => {
  bytes.set(packet.bytes.subarray(0, quote), bytes.length - quote)
  const view = new PacketView()
  view.parse(bytes)
  view.completeChecksum()
  return bytes
}

const quotedIpv4 = (bytes: Uint8Array, at: number, end: number): QuotedPacket | undefined => {
  // RFC 792: an error quotes at least the IP header and 8 bytes.
  if (at + 28 > end || bytes[at] !== 0x45 || (word(bytes, at + 6) & 0x1fff) !== 0) return undefined
  const protocol = bytes[at + 9] ?? 0
  return withPorts(bytes, {
    at,
    sourceAt: at + 12,
    destinationAt: at + 16,
    transportAt: at + 20,
    addressLength: 4,
    protocol,
    kind: 'other',
    sourcePort: 0,
    destinationPort: 0,
    length: Math.min(end, at + Math.max(28, word(bytes, at + 2))),
  })
}

const quotedIpv6 = (bytes: Uint8Array, at: number, end: number): QuotedPacket | undefined => {
  if (at + 48 > end || (bytes[at] ?? 0) >> 4 !== 6) return undefined
  return withPorts(bytes, {
    at,
    sourceAt: at + 8,
    destinationAt: at + 24,
    transportAt: at + 40,
    addressLength: 16,
    // A quoted extension header counts as a protocol without ports, which matches no flow.
    protocol: bytes[at + 6] ?? 0,
    kind: 'other',
    sourcePort: 0,
    destinationPort: 0,
    length: Math.min(end, at + Math.max(48, 40 + word(bytes, at + 4))),
  })
}

const withPorts = (bytes: Uint8Array, quoted: QuotedPacket): QuotedPacket => {
  const { protocol, transportAt, addressLength } = quoted
  if (protocol === TCP || protocol === UDP) {
    quoted.kind = protocol === TCP ? 'tcp' : 'udp'
    quoted.sourcePort = word(bytes, transportAt)
    quoted.destinationPort = word(bytes, transportAt + 2)
  } else if (protocol === (addressLength === 4 ? ICMP : ICMPV6)) {
    quoted.kind = icmpKind(bytes[transportAt] ?? 0, addressLength)
    if (quoted.kind === 'echoRequest' || quoted.kind === 'echoReply') {
      quoted.sourcePort = word(bytes, transportAt + 4)
      quoted.destinationPort = quoted.sourcePort
    }
  }
  return quoted
}

const setQuotedAddress = (bytes: Uint8Array, quoted: QuotedPacket, at: number, address: AddressBytes): void => {
  const before = sumWords(bytes, at, at + address.length)
  const after = sumWords(address, 0, address.length)
  bytes.set(address, at)
  if (quoted.addressLength === 4) {
    putWord(bytes, quoted.at + 10, updatedChecksum(word(bytes, quoted.at + 10), before, after))
  }
  if (quoted.protocol !== ICMP) updateTransportChecksum(bytes, quoted, before, after)
}

const isUnspecified = (address: AddressBytes): boolean => address.every((byte) => byte === 0)
