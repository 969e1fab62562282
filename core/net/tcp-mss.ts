import { sumWords, updatedChecksum } from './checksum.ts'
import { putWord, word, type PacketView } from './packet-view.ts'

const END_OF_OPTIONS = 0
const NO_OPERATION = 1
/** RFC 9293 §3.2: kind 2, length 4. */
const MAXIMUM_SEGMENT_SIZE = 2
/** Of IP without options, and TCP without options, which do not count (RFC 6691 §2). */
const HEADERS = { 4: 40, 16: 60 } as const

/**
 * Lowers the maximum segment size that a SYN offers, in place, to what fits into packets of `mtu` bytes: what its receiver then sends never has to be
 * refused, by an ICMP error that its network may well keep from it (RFC 2923 §2.1). A SYN without the option asks for no more than 536.
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
      // The checksum is of words from the transport header on; the option may begin between two.
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
