import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { parseAddress } from '../../../core/net/ip-address.ts'
import { PacketView } from '../../../core/net/packet-view.ts'
import { buildUdp } from '../../../core/net/udp-packet.ts'
import { buildIp, buildPacket, checksumsAreRight, describePacket, type PacketParts } from '../../kit/packet-builder.ts'

const address = (text: string): Uint8Array => parseAddress(text) ?? new Uint8Array(0)
const IPV4 = { source: '192.0.2.1', destination: '192.0.2.2' }
const IPV6 = { source: '2001:db8::1', destination: '2001:db8::2' }

const port = fc.nat(65_535)
const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const anyParts: fc.Arbitrary<PacketParts> = fc.record({
  kind: fc.constantFrom('tcp' as const, 'udp' as const, 'echoRequest' as const, 'echoReply' as const),
  sourcePort: port,
  destinationPort: port,
  trafficClass: fc.nat(255),
  payload: fc.uint8Array({ maxLength: 41 }),
  source: fc.constant(''),
  destination: fc.constant(''),
})
const anyPacket = fc
  .tuple(anyParts, fc.constantFrom(IPV4, IPV6))
  .map(([parts, ends]) => ({ ...parts, ...ends }) satisfies PacketParts)

const parsed = (bytes: Uint8Array): PacketView => {
  const view = new PacketView()
  expect(view.parse(bytes)).to.equal('ok')
  return view
}

describe('a packet', () => {
  it('a packet shows its addresses, ports and kind', () => {
    const view = parsed(
      buildPacket({ ...IPV6, kind: 'udp', sourcePort: 5, destinationPort: 53, payload: Uint8Array.of(7) }),
    )
    expect([view.kind, view.sourceText(), view.sourcePort, view.destinationText(), view.destinationPort]).to.deep.equal(
      ['udp', '2001:db8::1', 5, '2001:db8::2', 53],
    )
    expect([...view.payload()]).to.deep.equal([7])
    expect(parsed(buildPacket({ ...IPV4, kind: 'echoReply', sourcePort: 9 })).destinationPort).to.equal(9)
  })

  it('reading and rewriting a packet never throws on random bytes', () => {
    const versions = fc.constantFrom(0x45, 0x46, 0x60, 0x00)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), versions, fc.boolean(), (bytes, first, sane) => {
        if (bytes.length > 0) bytes[0] = first
        // Half of them with a length that fits, so that more than the first check is reached.
        if (sane && bytes.length >= 8) {
          const length = first === 0x60 ? bytes.length - 40 : bytes.length
          bytes.set([(length >> 8) & 255, length & 255], first === 0x60 ? 4 : 2)
          bytes.set([0, 0], 6)
        }
        const view = new PacketView()
        const verdict = view.parse(bytes)
        expect(verdict).to.be.a('string')
        if (verdict !== 'ok') return
        expect(view.length).to.be.at.most(bytes.length)
        expect(view.transportAt).to.be.at.most(view.length)
        view.setSourcePort(1)
        view.setDestination(view.source().slice())
        view.completeChecksum()
        view.payload()
      }),
      { numRuns: 2_000 },
    )
  })

  it('a packet whose lengths lie is refused with a reason', () => {
    const view = new PacketView()
    const changed = (change: (bytes: Uint8Array) => void, parts: PacketParts = IPV4): string => {
      const bytes = buildPacket(parts)
      change(bytes)
      return view.parse(bytes)
    }
    expect(view.parse(new Uint8Array(0))).to.equal('packet-empty')
    expect(changed((bytes) => (bytes[0] = 0x75))).to.equal('packet-version')
    expect(changed((bytes) => (bytes[3] = 41))).to.equal('packet-truncated')
    expect(changed((bytes) => (bytes[3] = 19))).to.equal('packet-truncated')
    expect(changed((bytes) => (bytes[5] = 21), IPV6)).to.equal('packet-truncated')
    expect(changed((bytes) => (bytes[0] = 0x46))).to.equal('packet-options')
    expect(changed((bytes) => (bytes[32] = 0xf0))).to.equal('packet-transport')
    expect(changed((bytes) => (bytes[32] = 0x40))).to.equal('packet-transport')
    expect(changed((bytes) => (bytes[25] = 9), { ...IPV4, kind: 'udp' })).to.equal('packet-transport')
    expect(changed((bytes) => (bytes[25] = 7), { ...IPV4, kind: 'udp' })).to.equal('packet-transport')
  })

  it('a fragment is refused, the first one too, in both families', () => {
    const view = new PacketView()
    const first = buildPacket(IPV4)
    first[6] = 0x20
    expect(view.parse(first)).to.equal('packet-fragment')
    const later = buildPacket(IPV4)
    later[7] = 1
    expect(view.parse(later)).to.equal('packet-fragment')
    const ipv6 = buildIp({ ...IPV6, protocol: 44, transport: [6, 0, 0, 1, 0, 0, 0, 0] })
    expect(view.parse(ipv6)).to.equal('packet-fragment')
    const routed = buildIp({ ...IPV6, protocol: 43, transport: [6, 0, 0, 1, 0, 0, 0, 0] })
    expect(view.parse(routed)).to.equal('packet-extension-header')
  })

  it('a packet is found behind extension headers, but not behind any number of them', () => {
    const udp = [...buildPacket({ ...IPV6, kind: 'udp', destinationPort: 53 }).subarray(40)]
    const behind = (count: number) => {
      const headers = Array.from({ length: count }, (_, at) => [at === count - 1 ? 17 : 60, 0, 1, 4, 0, 0, 0, 0])
      return buildIp({ ...IPV6, protocol: 60, transport: [...headers.flat(), ...udp] })
    }
    expect(parsed(behind(2)).destinationPort).to.equal(53)
    expect(new PacketView().parse(behind(5))).to.equal('packet-extension-header')
  })

  it('a packet may be padded, and the padding is no part of it', () => {
    const packet = buildPacket({ ...IPV4, kind: 'udp', payload: Uint8Array.of(1, 2) })
    const padded = new Uint8Array(48)
    padded.set(packet)
    expect(parsed(padded).length).to.equal(packet.length)
    expect([...parsed(padded).payload()]).to.deep.equal([1, 2])
  })

  it('T7 a packet has right checksums after every rewrite, and nothing else changed', () => {
    fc.assert(
      fc.property(anyPacket, octets(16), octets(16), port, port, (parts, source, destination, from, to) => {
        const bytes = buildPacket(parts)
        expect(checksumsAreRight(bytes)).to.equal(true)
        const view = parsed(bytes)
        view.setSource(source.subarray(0, view.addressLength))
        view.setDestination(destination.subarray(0, view.addressLength))
        view.setSourcePort(from)
        view.setDestinationPort(to)
        expect(checksumsAreRight(bytes)).to.equal(true)
        expect(view.checksumsHold()).to.equal(true)
        const again = parsed(bytes)
        expect(again.destinationPort).to.equal(to)
        expect(again.sourcePort).to.equal(view.kind === 'tcp' || view.kind === 'udp' ? from : to)
        // ECN is in these bytes.
        expect([...bytes.subarray(0, 2)]).to.deep.equal([...buildPacket(parts).subarray(0, 2)])
      }),
    )
  })

  it('a packet keeps a UDP checksum of zero over IPv4, which says that there is none', () => {
    const bytes = buildPacket({ ...IPV4, kind: 'udp' })
    bytes.set([0, 0], 26)
    const view = parsed(bytes)
    view.setDestination(address('198.51.100.7'))
    view.setSourcePort(99)
    expect([...bytes.subarray(26, 28)]).to.deep.equal([0, 0])
    expect(view.checksumsHold()).to.equal(true)
  })

  it('a damaged packet shows in its checksums', () => {
    const bytes = buildPacket({ ...IPV6, payload: Uint8Array.of(1, 2, 3) })
    bytes[bytes.length - 1] = 4
    expect(parsed(bytes).checksumsHold()).to.equal(false)
  })
})

describe('a UDP packet that we build', () => {
  it('a UDP packet that we build is whole, with right checksums, in both families', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 1_300 }),
        port,
        port,
        fc.constantFrom(IPV4, IPV6),
        (payload, from, to, ends) => {
          const packet = buildUdp({
            source: address(ends.source),
            destination: address(ends.destination),
            sourcePort: from,
            destinationPort: to,
            payload,
          })
          if (packet === undefined) return expect.fail('it fits')
          expect(checksumsAreRight(packet)).to.equal(true)
          expect([...parsed(packet).payload()]).to.deep.equal([...payload])
          expect(describePacket(packet)).to.contain('udp ')
        },
      ),
    )
  })

  it('a UDP packet that would be too long is not built', () => {
    const [source, destination] = [address('192.0.2.1'), address('192.0.2.2')]
    const built = buildUdp({ source, destination, sourcePort: 1, destinationPort: 2, payload: new Uint8Array(65_508) })
    expect(built).to.equal(undefined)
  })
})
