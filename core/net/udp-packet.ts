import { checksumOf, sumWords } from './checksum.ts'
import type { AddressBytes } from './ip-address.ts'
import { PacketView, putWord, UDP } from './packet-view.ts'

export interface UdpPacket {
  source: AddressBytes
  destination: AddressBytes
  sourcePort: number
  destinationPort: number
  payload: Uint8Array
}

/**
 * Builds a UDP packet with its IP header; undefined if the payload is too long. Both addresses must be of one family.
 */
export const buildUdp = ({
  source,
  destination,
  sourcePort,
  destinationPort,
  payload,
}: UdpPacket): Uint8Array | undefined => {
  if (source.length !== destination.length) throw new TypeError('addresses of two families')
  const headerLength = source.length === 4 ? 20 : 40
  if (headerLength + 8 + payload.length > 0xffff) return undefined
  const bytes = new Uint8Array(headerLength + 8 + payload.length)
  if (source.length === 4) {
    bytes[0] = 0x45
    putWord(bytes, 2, bytes.length)
    // RFC 6864 §4: the identification may be 0 because DF is set.
    putWord(bytes, 6, 0x4000)
    bytes[8] = 64
    bytes[9] = UDP
    bytes.set(source, 12)
    bytes.set(destination, 16)
    putWord(bytes, 10, checksumOf(sumWords(bytes, 0, 20)))
  } else {
    bytes[0] = 0x60
    putWord(bytes, 4, 8 + payload.length)
    bytes[6] = UDP
    bytes[7] = 64
    bytes.set(source, 8)
    bytes.set(destination, 24)
  }
  putWord(bytes, headerLength, sourcePort)
  putWord(bytes, headerLength + 2, destinationPort)
  putWord(bytes, headerLength + 4, 8 + payload.length)
  bytes.set(payload, headerLength + 8)
  const view = new PacketView()
  view.parse(bytes)
  view.completeChecksum()
  return bytes
}
