import { TCP, UDP, word, type PacketView } from './packet-view.ts'

/**
 * Whether a packet exceeds a path MTU and must not be fragmented. IPv4 without the DF bit may be fragmented (RFC 791
 * §3.1), IPv6 never (RFC 8200 §4.5). For a super-packet, which will be segmented, `segmentBytes` is the payload of each
 * segment, and the length of a segment counts; otherwise 0.
 */
export const isTooBig = (packet: PacketView, mtu: number, segmentBytes = 0): boolean => {
  if (packet.length <= mtu) return false
  const { bytes, transportAt, protocol, addressLength } = packet
  if (addressLength === 4 && (word(bytes, 6) & DONT_FRAGMENT) === 0) return false
  if (segmentBytes === 0) return true
  const header = protocol === TCP ? ((bytes[transportAt + 12] ?? 0) >> 4) * 4 : protocol === UDP ? 8 : 0
  return transportAt + header + segmentBytes > mtu
}

const DONT_FRAGMENT = 0x4000
