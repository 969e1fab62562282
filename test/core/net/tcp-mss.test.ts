import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { PacketView } from '../../../core/net/packet-view.ts'
import { clampSegmentSize } from '../../../core/net/tcp-mss.ts'
import { buildIp, checksumsAreRight } from '../../kit/packet-builder.ts'

const ENDS = {
  ipv4: { source: '192.0.2.1', destination: '192.0.2.2' },
  ipv6: { source: '2001:db8::1', destination: '2001:db8::2' },
}
const NO_OPERATION = [1]
const TIMESTAMPS = [8, 10, 0, 0, 0, 1, 0, 0, 0, 0]
const mss = (size: number): number[] => [2, 4, size >> 8, size & 255]

/** A SYN with these options, filled up to a multiple of four bytes with their end. */
const syn = (options: readonly number[], { source, destination } = ENDS.ipv4): Uint8Array => {
  const filled = [...options, ...Array.from({ length: (4 - (options.length % 4)) % 4 }, () => 0)]
  const header = [0x9c, 0x40, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, (5 + filled.length / 4) << 4, 2, 0xff, 0xff, 0, 0, 0, 0]
  return buildIp({ source, destination, protocol: 6, transport: [...header, ...filled] })
}

const clamped = (packet: Uint8Array, mtu: number): Uint8Array => {
  const view = new PacketView()
  const copy = packet.slice()
  expect(view.parse(copy)).to.equal('ok')
  clampSegmentSize(view, mtu)
  return copy
}

describe('the segment size that a SYN offers', () => {
  it('the segment size of a SYN is lowered to what fits, by the headers of its family, with a right checksum', () => {
    for (const before of [[], NO_OPERATION, TIMESTAMPS, [...TIMESTAMPS, ...NO_OPERATION]]) {
      for (const [ends, size] of [
        [ENDS.ipv4, 1_240],
        [ENDS.ipv6, 1_220],
      ] as const) {
        const result = clamped(syn([...before, ...mss(1_460)], ends), 1_280)
        expect(result).to.deep.equal(syn([...before, ...mss(size)], ends))
        expect(checksumsAreRight(result)).to.equal(true)
      }
    }
  })

  it('the segment size of a SYN stays where it fits, and where there is none', () => {
    for (const options of [mss(1_240), mss(536), [], TIMESTAMPS, [0, ...mss(1_460)]]) {
      const packet = syn(options)
      expect(clamped(packet, 1_280)).to.deep.equal(packet)
    }
  })

  it('the segment size of a SYN stays in a malformed list of options, and nothing beyond it changes', () => {
    for (const options of [
      [2, 0, 5, 180],
      [2, 1, 5, 180],
      [2, 40, 5, 180],
      [5, 1, 1, 1],
    ]) {
      const packet = syn(options)
      expect(clamped(packet, 1_280)).to.deep.equal(packet)
    }
  })

  it('lowering the segment size never throws, and keeps a right checksum right, whatever the options', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(255), { maxLength: 40 }), fc.constantFrom(ENDS.ipv4, ENDS.ipv6), (options, ends) => {
        const packet = syn(options, ends)
        const result = clamped(packet, 1_280)
        expect(result.length).to.equal(packet.length)
        expect(checksumsAreRight(result)).to.equal(true)
      }),
      { numRuns: 500 },
    )
  })
})
