import { ACK, FIN, RST, SYN, TCP, word, type PacketView } from './packet-view.ts'
import { buildSegment } from './tcp-segment.ts'

/**
 * Builds the TCP reset that ends the connection of a packet at its sender, in the name of its destination (RFC 9293
 * §3.5.2). Undefined for packets of other protocols, for a reset, and for one that opens a connection, which an ICMP
 * error ends as well.
 */
export const buildReset = (packet: PacketView): Uint8Array | undefined => {
  const { bytes, transportAt, tcpFlags, length } = packet
  if (packet.protocol !== TCP || (tcpFlags & RST) !== 0 || (tcpFlags & (SYN | ACK)) === SYN) return undefined
  const ends = {
    source: packet.destination(),
    destination: packet.source(),
    sourcePort: packet.destinationPort,
    destinationPort: packet.sourcePort,
  }
  if ((tcpFlags & ACK) !== 0) return buildSegment({ ...ends, sequence: numberAt(bytes, transportAt + 8), flags: RST })
  const dataAt = transportAt + ((bytes[transportAt + 12] ?? 0) >> 4) * 4
  const taken = Math.max(0, length - dataAt) + ((tcpFlags & FIN) === 0 ? 0 : 1)
  const acknowledgement = (numberAt(bytes, transportAt + 4) + taken) % 0x1_0000_0000
  return buildSegment({ ...ends, sequence: 0, acknowledgement, flags: RST | ACK })
}

const numberAt = (bytes: Uint8Array, at: number): number => word(bytes, at) * 0x1_0000 + word(bytes, at + 2)
