import { checksumOf, sumWords } from './checksum.ts'
import { ACK, FIN, PacketView, putWord, RST, SYN, TCP, word } from './packet-view.ts'

/**
 * Builds the TCP reset that ends the connection of a packet at its sender, in the name of its destination (RFC 9293
 * §3.5.2). Undefined for packets of other protocols, for a reset, and for one that opens a connection, which an ICMP
 * error ends as well.
 */
export const buildReset = (packet: PacketView): Uint8Array | undefined => {
  const { bytes, transportAt, addressLength, tcpFlags, length } = packet
  if (packet.protocol !== TCP || (tcpFlags & RST) !== 0 || (tcpFlags & (SYN | ACK)) === SYN) return undefined
  const headerLength = addressLength === 4 ? 20 : 40
  const reset = new Uint8Array(headerLength + 20)
  if (addressLength === 4) {
    reset[0] = 0x45
    putWord(reset, 2, reset.length)
    // RFC 6864 §4: the identification may be 0 because DF is set.
    putWord(reset, 6, 0x4000)
    reset[8] = HOP_LIMIT
    reset[9] = TCP
  } else {
    reset[0] = 0x60
    putWord(reset, 4, 20)
    reset[6] = TCP
    reset[7] = HOP_LIMIT
  }
  putWord(reset, headerLength, packet.destinationPort)
  putWord(reset, headerLength + 2, packet.sourcePort)
  reset[headerLength + 12] = 0x50
  if ((tcpFlags & ACK) !== 0) {
    reset.set(bytes.subarray(transportAt + 8, transportAt + 12), headerLength + 4)
    reset[headerLength + 13] = RST
  } else {
    const dataAt = transportAt + ((bytes[transportAt + 12] ?? 0) >> 4) * 4
    const taken = Math.max(0, length - dataAt) + ((tcpFlags & FIN) === 0 ? 0 : 1)
    const sequence = word(bytes, transportAt + 4) * 0x1_0000 + word(bytes, transportAt + 6) + taken
    putWord(reset, headerLength + 8, Math.floor(sequence / 0x1_0000) & 0xffff)
    putWord(reset, headerLength + 10, sequence & 0xffff)
    reset[headerLength + 13] = RST | ACK
  }
  const addressesAt = headerLength - 2 * addressLength
  reset.set(packet.destination(), addressesAt)
  reset.set(packet.source(), addressesAt + addressLength)
  if (addressLength === 4) putWord(reset, 10, checksumOf(sumWords(reset, 0, 20)))
  const view = new PacketView()
  view.parse(reset)
  view.completeChecksum()
  return reset
}

const HOP_LIMIT = 64
