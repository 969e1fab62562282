import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  OFFLOAD_HEADER_BYTES,
  decodeOffloadHeader,
  encodeOffloadHeader,
  expandFrame,
  type OffloadHeader,
} from '../../../core/net/offload.ts'

// Slow model: a packet is a list of bytes, built field by field; a checksum is a loop over words.

interface Flow {
  family: 4 | 6
  protocol: 'tcp' | 'udp'
  source: number[]
  destination: number[]
  id: number
  sequence: number
  flags: number
  ipOptions: number[]
  tcpOptions: number[]
}

const u16 = (value: number): number[] => [Math.floor(value / 256) % 256, value % 256]
const u32 = (value: number): number[] => [...u16(Math.floor(value / 65536)), ...u16(value % 65536)]

const onesSum = (bytes: readonly number[]): number => {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) {
    sum += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)
    if (sum > 0xffff) sum -= 0xffff
  }
  return sum
}

const pseudo = (flow: Flow, length: number): number[] => [
  ...flow.source,
  ...flow.destination,
  ...u32(length),
  ...u32(flow.protocol === 'tcp' ? 6 : 17),
]

/** A whole packet; its transport checksum is complete, or only the pseudo-header's sum (as the kernel leaves it). */
const build = (flow: Flow, payload: number[], checksum: 'complete' | 'partial'): number[] => {
  const transport = (field: number): number[] =>
    flow.protocol === 'tcp'
      ? [
          ...u16(443),
          ...u16(50_000),
          ...u32(flow.sequence),
          ...u32(7),
          (5 + flow.tcpOptions.length / 4) * 16,
          flow.flags,
          ...u16(1000),
          ...u16(field),
          0,
          0,
          ...flow.tcpOptions,
          ...payload,
        ]
      : [...u16(443), ...u16(50_000), ...u16(8 + payload.length), ...u16(field), ...payload]
  const length = transport(0).length
  const partial = onesSum(pseudo(flow, length))
  let complete = 0xffff - onesSum([...pseudo(flow, length), ...transport(0)])
  if (flow.protocol === 'udp' && complete === 0) complete = 0xffff
  const body = transport(checksum === 'complete' ? complete : partial)
  const protocol = flow.protocol === 'tcp' ? 6 : 17
  if (flow.family === 6) {
    return [0x60, 0, 0, 0, ...u16(length), protocol, 64, ...flow.source, ...flow.destination, ...body]
  }
  const header = (sum: number): number[] => [
    0x40 + 5 + flow.ipOptions.length / 4,
    0,
    ...u16(20 + flow.ipOptions.length + length),
    ...u16(flow.id),
    0x40,
    0,
    64,
    protocol,
    ...u16(sum),
    ...flow.source,
    ...flow.destination,
    ...flow.ipOptions,
  ]
  return [...header(0xffff - onesSum(header(0))), ...body]
}

const segmentsOf = (flow: Flow, payload: number[], size: number): number[][] => {
  const count = Math.max(1, Math.ceil(payload.length / size))
  return Array.from({ length: count }, (_, index) => {
    let flags = flow.flags
    if (index > 0) flags -= flags & 0x80
    if (index < count - 1) flags -= flags & 0x09
    return build(
      { ...flow, id: (flow.id + index) % 65536, sequence: (flow.sequence + index * size) % 2 ** 32, flags },
      payload.slice(index * size, (index + 1) * size),
      'complete',
    )
  })
}

const transportAt = (flow: Flow): number => (flow.family === 4 ? 20 + flow.ipOptions.length : 40)

const headerOf = (flow: Flow, kind: OffloadHeader['kind'], segmentBytes: number): OffloadHeader => ({
  needsChecksum: true,
  kind,
  headerBytes: transportAt(flow) + (flow.protocol === 'tcp' ? 20 + flow.tcpOptions.length : 8),
  segmentBytes,
  checksumStart: transportAt(flow),
  checksumOffset: flow.protocol === 'tcp' ? 16 : 6,
})

const frameOf = (header: OffloadHeader, packet: readonly number[]): Uint8Array => {
  const frame = new Uint8Array(OFFLOAD_HEADER_BYTES + packet.length)
  encodeOffloadHeader(header, frame)
  frame.set(packet, OFFLOAD_HEADER_BYTES)
  return frame
}

const expand = (frame: Uint8Array) => {
  const packets: Uint8Array[] = []
  const dropped = expandFrame(frame, packets, (bytes) => new Uint8Array(bytes).fill(0xee))
  return { dropped, packets: packets.map((packet) => [...packet]) }
}

const kindOf = (flow: Flow): OffloadHeader['kind'] =>
  flow.protocol === 'udp' ? 'udp' : flow.family === 4 ? 'tcp-ipv4' : 'tcp-ipv6'

const bytes = (length: number) => fc.array(fc.nat(255), { minLength: length, maxLength: length })
const options = fc.constantFrom(0, 4, 12, 40).chain(bytes)

const flows: fc.Arbitrary<Flow> = fc.constantFrom<4 | 6>(4, 6).chain((family) =>
  fc.record({
    family: fc.constant(family),
    protocol: fc.constantFrom<'tcp' | 'udp'>('tcp', 'udp'),
    source: bytes(family === 4 ? 4 : 16),
    destination: bytes(family === 4 ? 4 : 16),
    id: fc.nat(0xffff),
    sequence: fc.oneof(fc.nat(0xffff_ffff), fc.integer({ min: 0xffff_f000, max: 0xffff_ffff })),
    flags: fc.nat(255),
    ipOptions: family === 4 ? options : fc.constant<number[]>([]),
    tcpOptions: options,
  }),
)
const payloads = fc.oneof(
  fc.array(fc.nat(255), { maxLength: 300 }),
  fc.integer({ min: 0, max: 9000 }).map((length) => Array.from({ length }, (_, at) => (at * 7) % 256)),
  fc.constant(Array.from<number>({ length: 5000 }).fill(255)),
)

describe('segmentation and checksum offload', () => {
  it('offload work segments a super-packet into the packets of the slow model, byte for byte', () => {
    fc.assert(
      fc.property(flows, payloads, fc.integer({ min: 48, max: 1500 }), (flow, payload, size) => {
        const frame = frameOf(headerOf(flow, kindOf(flow), size), build(flow, payload, 'partial'))
        const { dropped, packets } = expand(frame)
        expect(dropped).to.equal(undefined)
        expect(packets).to.deep.equal(segmentsOf(flow, payload, size))
      }),
      { numRuns: 200 },
    )
  })

  it('offload work finishes the checksum of a packet that needs no segmentation', () => {
    fc.assert(
      fc.property(flows, payloads, (flow, payload) => {
        const { dropped, packets } = expand(frameOf(headerOf(flow, 'none', 0), build(flow, payload, 'partial')))
        expect(dropped).to.equal(undefined)
        const [packet = []] = packets
        const covered = packet.slice(transportAt(flow))
        expect(onesSum([...pseudo(flow, covered.length), ...covered])).to.equal(0xffff)
        if (flow.protocol === 'udp') expect(packet).to.deep.equal(build(flow, payload, 'complete'))
      }),
    )
  })

  it('offload work writes a UDP checksum that comes out as zero as 0xffff', () => {
    const flow: Flow = {
      family: 4,
      protocol: 'udp',
      source: [192, 0, 2, 1],
      destination: [192, 0, 2, 2],
      id: 0,
      sequence: 0,
      flags: 0,
      ipOptions: [],
      tcpOptions: [],
    }
    // The payload is the checksum that the packet would have with zeros there: with it the sum is all ones.
    const zeros = build(flow, [0, 0], 'complete')
    const payload = zeros.slice(26, 28)
    for (const kind of ['none', 'udp'] as const) {
      const { packets } = expand(frameOf(headerOf(flow, kind, 100), build(flow, payload, 'partial')))
      expect(packets[0]?.slice(26, 28)).to.deep.equal([0xff, 0xff])
    }
  })

  it('offload work hands out a complete packet as it is, without copying it', () => {
    const frame = new Uint8Array(OFFLOAD_HEADER_BYTES + 20)
    frame[OFFLOAD_HEADER_BYTES] = 0x45
    const packets: Uint8Array[] = []
    expect(expandFrame(frame, packets, () => new Uint8Array(0))).to.equal(undefined)
    expect(packets[0]?.buffer).to.equal(frame.buffer)
    expect(packets[0]?.length).to.equal(20)
  })

  it('an offload header is decoded as it was encoded', () => {
    const header = fc.record({
      needsChecksum: fc.boolean(),
      kind: fc.constantFrom<OffloadHeader['kind']>('none', 'tcp-ipv4', 'tcp-ipv6', 'udp'),
      headerBytes: fc.nat(0xffff),
      segmentBytes: fc.nat(0xffff),
      checksumStart: fc.nat(0xffff),
      checksumOffset: fc.nat(0xffff),
    })
    fc.assert(
      fc.property(header, (value) => {
        expect(decodeOffloadHeader(frameOf(value, []))).to.deep.equal(value)
      }),
    )
  })

  it('offload work drops random frames with a reason, or hands out packets of bounded size, and never throws', () => {
    // Mostly plausible headers: pure noise would stop at the first check.
    const headers = fc.tuple(
      fc.constantFrom(0, 1, 2, 0xff),
      fc.constantFrom(0, 1, 3, 4, 5, 0x81, 0x84, 0xff),
      fc.nat(255),
      fc.nat(255),
      fc.oneof(fc.nat(255), fc.constantFrom(0, 1)),
      fc.constantFrom(0, 0, 5, 255),
      fc.constantFrom(0, 20, 24, 40, 60, 255),
      fc.constantFrom(0, 0, 0, 255),
      fc.constantFrom(0, 6, 16, 255),
      fc.constantFrom(0, 0, 0, 255),
    )
    const bodies = fc
      .tuple(fc.constantFrom(0x45, 0x46, 0x4f, 0x40, 0x60, 0x6f, 0x00), fc.uint8Array({ maxLength: 3000, size: 'max' }))
      .map(([first, rest]) => [first, ...rest])
    const frames = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(headers, bodies).map(([header, body]) => Uint8Array.from([...header, ...body])),
    )
    const spoiled = fc
      .tuple(flows, payloads, fc.constantFrom(0, 1, 3, 60_000), fc.nat(80), fc.nat(255))
      .map(([flow, payload, size, at, value]) => {
        const frame = frameOf(headerOf(flow, kindOf(flow), size), build(flow, payload, 'partial'))
        if (at >= OFFLOAD_HEADER_BYTES && at < frame.length) frame[at] = value
        return frame
      })
    const outcomes = new Set<string>()
    fc.assert(
      fc.property(fc.oneof(frames, spoiled), (frame) => {
        const packets: Uint8Array[] = []
        const dropped = expandFrame(frame, packets, (bytes) => new Uint8Array(bytes))
        outcomes.add(dropped ?? 'expanded')
        if (packets.length > 2048 || packets.length > 0 !== (dropped === undefined))
          throw new Error(`${packets.length}`)
        for (const packet of packets) if (packet.length > 0xffff + 40) throw new Error(`${packet.length} bytes`)
      }),
      { numRuns: 1000 },
    )
    expect([...outcomes].sort()).to.deep.equal([
      'bad-checksum-field',
      'bad-headers',
      'bad-segment-size',
      'expanded',
      'not-ip',
      'short-frame',
      'unknown-offload',
    ])
  })
})
