import * as fc from 'fast-check'
import { OFFLOAD_HEADER_BYTES, encodeOffloadHeader, type OffloadKind } from '../../core/net/offload.ts'
import { pseudoHeaderSum, sumWords } from '../../core/net/checksum.ts'
import { PacketView, putWord } from '../../core/net/packet-view.ts'
import { buildPacket } from './packet-builder.ts'

// Frames as a TUN device with offloads delivers them, and packets of flows, for tests of lanes.

export interface FrameParts {
  kind: 'tcp' | 'udp'
  ipv6: boolean
  payload: Uint8Array
  segmentBytes: number
  flags: string
  sequence: number
  identification: number
}

export const frameParts: fc.Arbitrary<FrameParts> = fc.record({
  kind: fc.constantFrom('tcp', 'udp'),
  ipv6: fc.boolean(),
  payload: fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.integer({ min: 1, max: 40_000 }).map((length) => new Uint8Array(length).map((_, at) => at * 7)),
  ),
  segmentBytes: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 60, max: 1_400 })),
  flags: fc.constantFrom('A', 'PA', 'FPA', 'S'),
  sequence: fc.nat(0xffff_ffff),
  identification: fc.nat(0xffff),
})

/** A super-packet after its offload header; the transport checksum is left to the reader. */
export const buildFrame = ({ segmentBytes, ipv6, ...parts }: FrameParts): Uint8Array => {
  const packet = buildPacket({
    ...parts,
    source: ipv6 ? '2001:db8::1' : '192.0.2.1',
    destination: ipv6 ? '2001:db8::2' : '192.0.2.2',
  })
  const view = new PacketView()
  view.parse(packet)
  const { transportAt, protocol, sourceAt, addressLength } = view
  const checksumOffset = parts.kind === 'tcp' ? 16 : 6
  const length = packet.length - transportAt
  const sum = pseudoHeaderSum({ bytes: packet, addressesAt: sourceAt, addressLength, protocol, length })
  putWord(packet, transportAt + checksumOffset, sumWords(new Uint8Array(0), 0, 0, fold(sum)))
  const kind: OffloadKind = parts.kind === 'udp' ? 'udp' : ipv6 ? 'tcp-ipv6' : 'tcp-ipv4'
  const frame = new Uint8Array(OFFLOAD_HEADER_BYTES + packet.length)
  frame.set(packet, OFFLOAD_HEADER_BYTES)
  const headerBytes = transportAt + (parts.kind === 'tcp' ? 20 : 8)
  encodeOffloadHeader(
    { needsChecksum: true, kind, headerBytes, segmentBytes, checksumStart: transportAt, checksumOffset },
    frame,
  )
  return frame
}

const fold = (sum: number): number => {
  let folded = sum
  while (folded > 0xffff) folded = (folded % 0x1_0000) + Math.floor(folded / 0x1_0000)
  return folded
}
