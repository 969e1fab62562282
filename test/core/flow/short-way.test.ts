import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { OFFLOAD_HEADER_BYTES, expandFrame } from '../../../core/net/offload.ts'
import { PacketView } from '../../../core/net/packet-view.ts'
import { instant } from '../../../core/runtime/time.ts'
import { ADA, ClientBench, GatewayBench, cidr, dns, proxies } from '../../kit/flow-bench.ts'
import { buildPacket } from '../../kit/packet-builder.ts'
import { buildFrame, frameParts } from '../../kit/tcp-frames.ts'

const SERVER = { ipv4: '192.0.2.80', ipv6: '2001:db8::80' }

/** A gateway where Ada has a name, whose flows are translated, and a prefix. */
const gateway = (): GatewayBench => {
  const bench = new GatewayBench()
  bench.grant(dns('web', 'web.example.org'))
  bench.grant(cidr('net', '192.0.2.0/24'))
  bench.assign('web', 'web.example.org', { ipv4: [SERVER.ipv4], ipv6: [SERVER.ipv6] })
  return bench
}

const readdressed = (frame: Uint8Array, source: string, destination: string): Uint8Array => {
  const view = new PacketView()
  view.parse(frame.subarray(OFFLOAD_HEADER_BYTES))
  view.hasPseudoChecksum = true
  const probe = new PacketView()
  probe.parse(buildPacket({ source, destination }))
  view.setSource(probe.source().slice())
  view.setDestination(probe.destination().slice())
  return frame
}

const expand = (frame: Uint8Array): Uint8Array[] => {
  const packets: Uint8Array[] = []
  expect(expandFrame(frame, packets, (bytes) => new Uint8Array(bytes))).to.equal(undefined)
  return packets
}

const parts = frameParts.filter(
  ({ flags, payload, segmentBytes }) => flags !== 'S' && payload.length / segmentBytes < 200,
)

describe('the short way of flows', () => {
  it('the short way translates a super-packet from the client as the machine translates its segments', () => {
    fc.assert(
      fc.property(parts, (random) => {
        const bench = gateway()
        const [source, proxy] = random.ipv6 ? [ADA.ipv6, proxies(0)[5] ?? ''] : [ADA.ipv4, proxies(0)[1] ?? '']
        const frame = readdressed(buildFrame(random), source, proxy)
        const expected = expand(frame.slice()).flatMap((packet) => {
          bench.handle({ type: 'tunnelPacket', peer: 'ada', packet })
          return bench.packets
        })
        const packet = frame.subarray(OFFLOAD_HEADER_BYTES)
        const ada = bench.flows.numbers.find('ada') ?? -1
        const now = instant(bench.now)
        expect(bench.flows.passFromTunnel(ada + 1, packet.slice(), 'pseudo', now)).to.equal(false)
        expect(bench.flows.passFromTunnel(ada, packet, 'pseudo', now)).to.equal(true)
        expect(expand(frame)).to.deep.equal(expected)
      }),
      { numRuns: 60 },
    )
  })

  it('the short way translates a super-packet from the network as the machine translates its segments', () => {
    fc.assert(
      fc.property(parts, (random) => {
        const bench = gateway()
        bench.handle({ type: 'mtuChanged', peer: 'ada', mtu: 1_500 })
        const family = random.ipv6 ? 'ipv6' : 'ipv4'
        const proxy = proxies(0)[random.ipv6 ? 5 : 1] ?? ''
        bench.fromClient({ kind: random.kind, destination: proxy, sourcePort: 443, destinationPort: 40_000 })
        const frame = readdressed(buildFrame(random), SERVER[family], ADA[family])
        const expected = expand(frame.slice()).flatMap((packet) => {
          bench.handle({ type: 'tunPackets', packets: [packet] })
          return bench.packets
        })
        expect(expected).to.not.have.length(0)
        const packet = frame.subarray(OFFLOAD_HEADER_BYTES)
        const offload = { checksum: 'pseudo', segmentBytes: random.segmentBytes } as const
        const to = bench.flows.passFromTun(packet, offload, instant(bench.now))
        expect(bench.flows.numbers.idOf(to ?? -1)).to.equal('ada')
        expect(expand(frame)).to.deep.equal(expected)
      }),
      { numRuns: 60 },
    )
  })

  it('P6 the short way has no verdict after a revocation, and none after the expiry of a grant', () => {
    const bench = new GatewayBench()
    bench.grant(cidr('net', '192.0.2.0/24'), { expiresIn: 5_000 })
    bench.grant(cidr('other', '198.51.100.0/24'))
    bench.fromClient({ destination: '192.0.2.80' })
    bench.fromClient({ destination: '198.51.100.1' })
    const [first, second] = ['192.0.2.80', '198.51.100.1'].map((destination) =>
      buildPacket({ source: ADA.ipv4, destination, flags: 'A' }),
    )
    const ada = bench.flows.numbers.find('ada') ?? -1
    const pass = (packet: Uint8Array | undefined) =>
      bench.flows.passFromTunnel(ada, new Uint8Array(packet ?? []), 'complete', instant(bench.now))
    expect([pass(first), pass(second)]).to.deep.equal([true, true])
    bench.handle({ type: 'withdrawn', peer: 'ada', resourceId: 'other' })
    expect(pass(second)).to.equal(false)
    bench.fromClient({ destination: '192.0.2.80' })
    expect(pass(first)).to.equal(true)
    bench.now += 5_000
    expect(pass(first)).to.equal(false)
  })

  it('the short way never throws and changes nothing where it has no verdict, whatever the bytes', () => {
    const { flows: gatewayFlows } = gateway()
    const { flows: clientFlows } = new ClientBench()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.constantFrom('complete', 'pseudo'), (bytes, checksum) => {
        const before = bytes.slice()
        const now = instant(1_000)
        const offload = { checksum, segmentBytes: bytes.length }
        expect(gatewayFlows.passFromTun(bytes, offload, now)).to.equal(undefined)
        expect(gatewayFlows.passFromTunnel(0, bytes, checksum, now)).to.equal(false)
        expect(clientFlows.passFromTun(bytes, offload, now)).to.equal(undefined)
        expect(clientFlows.passFromTunnel(0, bytes, checksum, now)).to.equal(false)
        expect(bytes).to.deep.equal(before)
      }),
      { numRuns: 500 },
    )
  })
})
