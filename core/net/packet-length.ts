import { TCP, UDP, word, type PacketView } from './packet-view.ts'

/**
 * Whether a packet is too long for a way, or one of those are that a super-packet stands for, with `segmentBytes` of payload each; 0: it stands for
 * itself. What may be cut into fragments is not: of IPv4 without its DF bit (RFC 791 §3.1); of IPv6 nobody does that on the way (RFC 8200 §4.5).
 */
export const isTooLong = (packet: PacketView, mtu: number, segmentBytes = 0): boolean => {
  if (packet.length <= mtu) return false
  const { bytes, transportAt, protocol, addressLength } = packet
  if (addressLength === 4 && (word(bytes, 6) & DONT_FRAGMENT) === 0) return false
  if (segmentBytes === 0) return true
  const header = protocol === TCP ? ((bytes[transportAt + 12] ?? 0) >> 4) * 4 : protocol === UDP ? 8 : 0
  return transportAt + header + segmentBytes > mtu
}

const DONT_FRAGMENT = 0x4000
