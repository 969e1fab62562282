import { sumWords, updatedChecksum } from './checksum.ts'
import { putWord, word, type PacketView } from './packet-view.ts'

const END_OF_OPTIONS = 0
const NO_OPERATION = 1
/** Kind of the MSS option, 4 bytes long (RFC 9293 §3.2). */
const MAXIMUM_SEGMENT_SIZE = 2
/**
 * Bytes of the IP and TCP headers without options, by address length: options do not count in the MSS (RFC 6691 §2).
 */
const HEADERS = { 4: 40, 16: 60 } as const

/**
 * Lowers the MSS option of a SYN, in place, so that segments fit into packets of `mtu` bytes. Otherwise longer packets
 * would have to be refused by ICMP errors, which may not reach their sender (RFC 2923 §2.1). A SYN without the option
 * is left alone: its MSS is 536.
 */
export const clampSegmentSize = (packet: PacketView, mtu: number): void => {
  const { bytes, transportAt, addressLength } = packet
  const most = mtu - HEADERS[addressLength]
  const end = transportAt + ((bytes[transportAt + 12] ?? 0) >> 4) * 4
  for (let at = transportAt + 20; at < end;) {
    const kind = bytes[at]
    if (kind === END_OF_OPTIONS) return
    const length = kind === NO_OPERATION ? 1 : (bytes[at + 1] ?? 0)
    if (length < 1 || (kind !== NO_OPERATION && length < 2) || at + length > end) return
    if (kind === MAXIMUM_SEGMENT_SIZE && length === 4 && word(bytes, at + 2) > most) {
      // The checksum is over 16-bit words from the transport header on, so an option at an odd offset takes part of the
      // word before.
      const from = at - ((at - transportAt) & 1)
      const before = sumWords(bytes, from, from + 6)
      putWord(bytes, at + 2, most)
      const checksumAt = transportAt + 16
      putWord(bytes, checksumAt, updatedChecksum(word(bytes, checksumAt), before, sumWords(bytes, from, from + 6)))
      return
    }
    at += length
  }
}
