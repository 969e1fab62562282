// Segmentation and checksum offload of a TUN device. Each frame is a virtio_net header (VIRTIO 1.2 §5.1.6, the legacy
// form of 10 bytes, little-endian) and an IP packet of up to 64 KB, which the reader may have to segment and whose
// checksum it may have to complete.
import { checksumOf } from './checksum.ts'

/** Bytes of the header before each packet. */
export const OFFLOAD_HEADER_BYTES = 10

const NEEDS_CHECKSUM = 1
const GSO_NONE = 0
const GSO_TCP_IPV4 = 1
const GSO_TCP_IPV6 = 4
const GSO_UDP = 5
const GSO_ECN = 0x80
const TCP = { protocol: 6, checksumAt: 16, headerBytes: 20 }
const UDP = { protocol: 17, checksumAt: 6, headerBytes: 8 }
const FIN = 0x01
const PSH = 0x08
const CWR = 0x80

/** Limits of the work that one frame can cause, which no kernel exceeds: its smallest TCP segment is 48 bytes. */
const MAX_SEGMENTS = 2048
const MAX_HEADER_BYTES = 512

/** Protocol by which a packet has to be segmented; `none` if it has not. */
export type OffloadKind = 'none' | 'tcp-ipv4' | 'tcp-ipv6' | 'udp'

/** Parsed virtio_net header of a frame. */
export interface OffloadHeader {
  /**
   * Whether the checksum has to be completed: its field, at `checksumStart + checksumOffset`, holds the sum of the
   * pseudo-header.
   */
  needsChecksum: boolean
  kind: OffloadKind
  /** Bytes of the IP and transport headers, as stated by the sender; not relied on. */
  headerBytes: number
  /** Payload bytes per segment. */
  segmentBytes: number
  checksumStart: number
  checksumOffset: number
}

/** Why a frame was dropped. */
export type OffloadDrop =
  | 'short-frame'
  | 'unknown-offload'
  | 'not-ip'
  | 'bad-checksum-field'
  | 'bad-headers'
  | 'bad-segment-size'

/** Reads the header at the start of a frame; returns a reason to drop the frame if it is malformed. */
export const decodeOffloadHeader = (frame: Uint8Array): OffloadHeader | OffloadDrop => {
  if (frame.length < OFFLOAD_HEADER_BYTES) return 'short-frame'
  const kind = KINDS.get((frame[1] ?? 0) & ~GSO_ECN)
  if (kind === undefined) return 'unknown-offload'
  return {
    needsChecksum: ((frame[0] ?? 0) & NEEDS_CHECKSUM) !== 0,
    kind,
    headerBytes: littleEndian(frame, 2),
    segmentBytes: littleEndian(frame, 4),
    checksumStart: littleEndian(frame, 6),
    checksumOffset: littleEndian(frame, 8),
  }
}

/** Writes a header into the first ten bytes of a frame. All zeros stand for a packet that needs no offload. */
export const encodeOffloadHeader = (header: OffloadHeader, frame: Uint8Array): void => {
  frame[0] = header.needsChecksum ? NEEDS_CHECKSUM : 0
  frame[1] = [...KINDS].find(([, kind]) => kind === header.kind)?.[0] ?? GSO_NONE
  const fields = [header.headerBytes, header.segmentBytes, header.checksumStart, header.checksumOffset]
  for (const [index, value] of fields.entries()) {
    frame[2 + index * 2] = value & 0xff
    frame[3 + index * 2] = value >>> 8
  }
}

/**
 * Appends the IP packets of a frame to `packets`, segmented and with complete checksums; returns a reason if the frame
 * is dropped. A packet that needs no segmentation is changed in place and borrowed from `frame`; segments are in memory
 * allocated by `take`.
 */
export const expandFrame = (
  frame: Uint8Array,
  packets: Uint8Array[],
  take: (bytes: number) => Uint8Array,
): OffloadDrop | undefined => {
  if (frame.length < OFFLOAD_HEADER_BYTES) return 'short-frame'
  if (!isIp(frame)) return 'not-ip'
  const packet = frame.subarray(OFFLOAD_HEADER_BYTES)
  // Fast path for by far the most frequent header: no offload.
  if (frame[1] === GSO_NONE && ((frame[0] ?? 0) & NEEDS_CHECKSUM) === 0) {
    packets.push(packet)
    return undefined
  }
  const header = decodeOffloadHeader(frame)
  if (typeof header === 'string') return header
  if (header.kind !== 'none') return segment(packet, header, packets, take)
  if (!completeChecksum(packet, header)) return 'bad-checksum-field'
  packets.push(packet)
  return undefined
}

const KINDS: ReadonlyMap<number, OffloadKind> = new Map([
  [GSO_NONE, 'none'],
  [GSO_TCP_IPV4, 'tcp-ipv4'],
  [GSO_TCP_IPV6, 'tcp-ipv6'],
  [GSO_UDP, 'udp'],
])

const littleEndian = (bytes: Uint8Array, at: number): number => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const isIp = (frame: Uint8Array): boolean => {
  const version = (frame[OFFLOAD_HEADER_BYTES] ?? 0) >>> 4
  const length = frame.length - OFFLOAD_HEADER_BYTES
  return length <= 0xffff + 40 && ((version === 4 && length >= 20) || (version === 6 && length >= 40))
}

// Sums 32 bits at a time (RFC 1071): 2^32 and 2^16 are both 1 modulo 0xffff. The sum stays unfolded in a double, exact
// for 2^20 words.
const sumBytes = (view: DataView, start: number, end: number, initial: number): number => {
  let sum = initial
  let at = start
  for (; at + 4 <= end; at += 4) sum += view.getUint32(at)
  if (at + 2 <= end) {
    sum += view.getUint16(at)
    at += 2
  }
  return at < end ? sum + view.getUint8(at) * 0x100 : sum
}

const completeChecksum = (packet: Uint8Array, { checksumStart, checksumOffset }: OffloadHeader): boolean => {
  const field = checksumStart + checksumOffset
  if (field + 2 > packet.length) return false
  const view = viewOf(packet)
  const checksum = checksumOf(sumBytes(view, checksumStart, packet.length, 0))
  // RFC 768: a UDP checksum of zero means that there is none, so the other form of zero is sent.
  view.setUint16(field, checksum === 0 && checksumOffset === UDP.checksumAt ? 0xffff : checksum)
  return true
}

const segment = (
  packet: Uint8Array,
  { kind, needsChecksum, segmentBytes, checksumStart: transport, checksumOffset }: OffloadHeader,
  packets: Uint8Array[],
  take: (bytes: number) => Uint8Array,
): OffloadDrop | undefined => {
  const view = viewOf(packet)
  const ipv4 = view.getUint8(0) >>> 4 === 4
  const tcp = kind !== 'udp'
  const { protocol, checksumAt, headerBytes: least } = tcp ? TCP : UDP
  if (!needsChecksum || checksumOffset !== checksumAt) return 'bad-checksum-field'
  if (tcp && ipv4 !== (kind === 'tcp-ipv4')) return 'bad-headers'
  if (ipv4 ? transport !== (view.getUint8(0) & 0xf) * 4 || transport < 20 : transport < 40) return 'bad-headers'
  if (transport + least > packet.length) return 'bad-headers'
  const transportBytes = tcp ? (view.getUint8(transport + 12) >>> 4) * 4 : least
  const headerBytes = transport + transportBytes
  if (transportBytes < least || headerBytes > Math.min(packet.length, MAX_HEADER_BYTES)) return 'bad-headers'
  const payloadBytes = packet.length - headerBytes
  const count = Math.max(1, Math.ceil(payloadBytes / segmentBytes))
  if (segmentBytes === 0 || count > MAX_SEGMENTS) return 'bad-segment-size'
  if (headerBytes + Math.min(segmentBytes, payloadBytes) > 0xffff) return 'bad-segment-size'

  const addressesAt = ipv4 ? 12 : 8
  const pseudoSum = sumBytes(view, addressesAt, addressesAt + (ipv4 ? 8 : 32), protocol)
  const sequence = tcp ? view.getUint32(transport + 4) : 0
  const flags = tcp ? view.getUint8(transport + 13) : 0
  const id = ipv4 ? view.getUint16(4) : 0
  const out = take(count * headerBytes + payloadBytes)
  for (let index = 0, outAt = 0; index < count; index++) {
    const from = headerBytes + index * segmentBytes
    const to = Math.min(from + segmentBytes, packet.length)
    const length = headerBytes + to - from
    const piece = out.subarray(outAt, outAt + length)
    outAt += length
    piece.set(packet.subarray(0, headerBytes))
    piece.set(packet.subarray(from, to), headerBytes)
    const fields = viewOf(piece)
    if (ipv4) {
      fields.setUint16(2, length)
      fields.setUint16(4, (id + index) % 0x10000)
      fields.setUint16(10, 0)
      fields.setUint16(10, checksumOf(sumBytes(fields, 0, transport, 0)))
    } else {
      fields.setUint16(4, length - 40)
    }
    if (tcp) {
      fields.setUint32(transport + 4, (sequence + index * segmentBytes) % 0x1_0000_0000)
      // FIN and PSH belong to the last segment only, CWR to the first (RFC 3168 §6.1.2).
      const notLast = index < count - 1 ? FIN | PSH : 0
      const notFirst = index > 0 ? CWR : 0
      fields.setUint8(transport + 13, flags & ~(notLast | notFirst))
    } else {
      fields.setUint16(transport + 4, length - transport)
    }
    fields.setUint16(transport + checksumAt, 0)
    const checksum = checksumOf(sumBytes(fields, transport, length, pseudoSum + length - transport))
    fields.setUint16(transport + checksumAt, checksum === 0 && !tcp ? 0xffff : checksum)
    packets.push(piece)
  }
  return undefined
}
