import { checksumOf, sumWords } from './checksum.ts'
import type { AddressBytes } from './ip-address.ts'
import { PacketView, putWord, TCP } from './packet-view.ts'

/** Parts of a TCP segment without data. Both addresses are of one family. */
export interface SegmentParts {
  source: AddressBytes
  destination: AddressBytes
  sourcePort: number
  destinationPort: number
  /** Sequence number, below 2^32. */
  sequence: number
  /** Acknowledgement number, below 2^32; 0 by default. */
  acknowledgement?: number
  flags: number
}

/** Builds an IP packet with a TCP segment without data and options. */
export const buildSegment = (parts: SegmentParts): Uint8Array => {
  const { source, destination, sequence, acknowledgement = 0 } = parts
  const headerLength = source.length === 4 ? 20 : 40
  const packet = new Uint8Array(headerLength + 20)
  if (source.length === 4) {
    packet[0] = 0x45
    putWord(packet, 2, packet.length)
    // RFC 6864 §4: the identification may be 0 because DF is set.
    putWord(packet, 6, 0x4000)
    packet[8] = HOP_LIMIT
    packet[9] = TCP
  } else {
    packet[0] = 0x60
    putWord(packet, 4, 20)
    packet[6] = TCP
    packet[7] = HOP_LIMIT
  }
  putWord(packet, headerLength, parts.sourcePort)
  putWord(packet, headerLength + 2, parts.destinationPort)
  putNumber(packet, headerLength + 4, sequence)
  putNumber(packet, headerLength + 8, acknowledgement)
  packet[headerLength + 12] = 0x50
  packet[headerLength + 13] = parts.flags
  const addressesAt = headerLength - 2 * source.length
  packet.set(source, addressesAt)
  packet.set(destination, addressesAt + source.length)
  if (source.length === 4) putWord(packet, 10, checksumOf(sumWords(packet, 0, 20)))
  const view = new PacketView()
  view.parse(packet)
  view.completeChecksum()
  return packet
}

const HOP_LIMIT = 64

const putNumber = (bytes: Uint8Array, at: number, value: number): void => {
  putWord(bytes, at, Math.floor(value / 0x1_0000) & 0xffff)
  putWord(bytes, at + 2, value & 0xffff)
}
