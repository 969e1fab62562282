import { expect } from 'chai'
import { describe, it } from 'mocha'
import { PacketView, word } from '../../../core/net/packet-view.ts'
import { instant } from '../../../core/runtime/time.ts'
import { ADA, cidr, ClientBench, GATEWAY, GatewayBench } from '../../kit/flow-bench.ts'
import { buildIp, buildPacket, checksumsAreRight } from '../../kit/packet-builder.ts'

const FAMILIES = [
  {
    family: 'IPv4',
    server: '192.0.2.80',
    own: ADA.ipv4,
    gateway: GATEWAY.ipv4,
    headers: 28,
    mss: 1_240,
    raised: 1_368,
  },
  {
    family: 'IPv6',
    server: '2001:db8::80',
    own: ADA.ipv6,
    gateway: GATEWAY.ipv6,
    headers: 48,
    mss: 1_220,
    raised: 1_348,
  },
]
const NETS = [cidr('four', '192.0.2.0/24'), cidr('six', '2001:db8::/64')]
const WHOLE = { checksum: 'complete', segmentBytes: 0 } as const

const client = (): ClientBench => {
  const bench = new ClientBench(...NETS)
  for (const { id } of NETS) bench.grant(id)
  return bench
}

const gateway = (): GatewayBench => {
  const bench = new GatewayBench()
  for (const net of NETS) bench.grant(net)
  return bench
}

/** MTU that an ICMP error reports, in either family; undefined for another packet. */
const mtuIn = (packet: Uint8Array | undefined): number | undefined => {
  const view = new PacketView()
  if (packet === undefined || view.parse(packet) !== 'ok' || view.kind !== 'icmpError') return undefined
  const at = view.transportAt
  return (view.addressLength === 4 ? packet[at] === 3 && packet[at + 1] === 4 : packet[at] === 2)
    ? word(packet, at + 6)
    : undefined
}

const synWith = (source: string, destination: string, size: number, flags = 2): Uint8Array =>
  buildIp({
    source,
    destination,
    protocol: 6,
    transport: [
      0x9c,
      0x40,
      0,
      80,
      0,
      0,
      0,
      1,
      0,
      0,
      0,
      0,
      0x60,
      flags,
      255,
      255,
      0,
      0,
      0,
      0,
      2,
      4,
      size >> 8,
      size & 255,
    ],
  })

const offered = (packet: Uint8Array | undefined): number => {
  const view = new PacketView()
  expect(packet !== undefined && view.parse(packet) === 'ok' && checksumsAreRight(packet)).to.equal(true)
  return word(view.bytes, view.transportAt + 22)
}

for (const { family, server, own, gateway: ofGateway, headers, mss, raised } of FAMILIES) {
  describe(`T10 packets along a path that takes more or less, ${family}`, () => {
    const udp = (bytes: number): Uint8Array => new Uint8Array(bytes - headers)

    it(`T10 a client sends up to 1280 bytes, and more once the path is known to carry more, ${family}`, () => {
      const bench = client()
      const send = (bytes: number): string[] =>
        bench.fromApplication({ kind: 'udp', destination: server, payload: udp(bytes) })
      expect(send(1_280)[0]).to.match(/^gateway: udp /)
      send(1_281)
      expect(mtuIn(bench.packets[0])).to.equal(1_280)
      bench.handle({ type: 'mtuChanged', peer: 'gateway', mtu: 1_408 })
      send(1_408)
      expect(bench.packets[0]?.length).to.equal(1_408)
      send(1_409)
      expect(mtuIn(bench.packets[0])).to.equal(1_408)
      bench.handle({ type: 'mtuChanged', peer: 'gateway', mtu: 1_280 })
      send(1_408)
      expect(mtuIn(bench.packets[0])).to.equal(1_280)
      expect(bench.flows.counters()).to.deep.equal({ 'too-long': 3 })
    })

    it(`T10 a gateway sends each client up to 1280 bytes, and more once its path carries more, and tells the site, ${family}`, () => {
      const bench = gateway()
      const ask = { kind: 'udp', destination: server, sourcePort: 40_000, destinationPort: 443 } as const
      bench.fromClient(ask)
      const send = (bytes: number): Uint8Array | undefined => {
        bench.fromNetwork({
          kind: 'udp',
          source: server,
          sourcePort: 443,
          destinationPort: 40_000,
          payload: udp(bytes),
        })
        return bench.packets[0]
      }
      expect(send(1_280)?.length).to.equal(1_280)
      expect(mtuIn(send(1_281))).to.equal(1_280)
      bench.handle({ type: 'mtuChanged', peer: 'ada', mtu: 1_376 })
      expect(send(1_376)?.length).to.equal(1_376)
      expect(mtuIn(send(1_377))).to.equal(1_376)
      bench.handle({ type: 'mtuChanged', peer: 'ada', mtu: 1_280 })
      expect(mtuIn(send(1_376))).to.equal(1_280)
      // The error's sender is the client that the packet was for, which the site's kernel knows.
      const view = new PacketView()
      view.parse(bench.packets[0] ?? new Uint8Array())
      expect([view.sourceText(), view.destinationText()]).to.deep.equal([own, server])
    })

    it(`T10 a gateway’s own name service reports the MTU of the path, ${family}`, () => {
      const bench = gateway()
      bench.fromNetwork({
        kind: 'udp',
        source: ofGateway,
        sourcePort: 53_535,
        destinationPort: 4_000,
        payload: udp(1_300),
      })
      expect(mtuIn(bench.packets[0])).to.equal(1_280)
    })

    it(`T10 the short way leaves too long packets to the machine, by the length of a super-packet’s segments, ${family}`, () => {
      const here = client()
      here.fromApplication({ destination: server, flags: 'A' })
      const there = gateway()
      there.fromClient({ destination: server, flags: 'A' })
      const header = headers + 12
      const out = buildPacket({ source: own, destination: server, flags: 'A', payload: new Uint8Array(5_000) })
      const back = buildPacket({
        source: server,
        destination: own,
        sourcePort: 443,
        destinationPort: 40_000,
        flags: 'A',
        payload: new Uint8Array(5_000),
      })
      there.fromNetwork({ source: server, sourcePort: 443, destinationPort: 40_000, flags: 'A' })
      const passes = (mtu: number): boolean[] => {
        const offload = { checksum: 'complete', segmentBytes: mtu - header } as const
        return [
          here.flows.passFromTun(out.slice(), offload, instant(here.now)) !== undefined,
          there.flows.passFromTun(back.slice(), offload, instant(there.now)) !== undefined,
        ]
      }
      expect(passes(1_280)).to.deep.equal([true, true])
      expect(passes(1_281)).to.deep.equal([false, false])
      here.handle({ type: 'mtuChanged', peer: 'gateway', mtu: 1_408 })
      there.handle({ type: 'mtuChanged', peer: 'ada', mtu: 1_408 })
      expect(passes(1_408)).to.deep.equal([true, true])
      expect(passes(1_409)).to.deep.equal([false, false])
      expect(here.flows.passFromTun(out.slice(), WHOLE, instant(here.now))).to.equal(undefined)
    })

    it(`T10 a connection is begun with segments that fit, in both directions at both ends, whichever packet comes first, ${family}`, () => {
      const here = client()
      const there = gateway()
      const began = (): number[] => {
        const [syn, answer] = [synWith(own, server, 1_460), synWith(server, own, 1_460, 0x12)]
        // The answer comes from the port that the SYN went to.
        answer.set(answer.slice(headers - 8, headers - 4), headers - 8)
        const swapped = [...answer.slice(headers - 6, headers - 4), ...answer.slice(headers - 8, headers - 6)]
        answer.set(swapped, headers - 8)
        const offers: number[] = []
        here.handle({ type: 'tunPackets', packets: [syn] })
        offers.push(offered(here.packets[0]))
        here.handle({ type: 'tunnelPacket', peer: 'gateway', packet: answer })
        offers.push(offered(here.packets[0]))
        there.handle({ type: 'tunnelPacket', peer: 'ada', packet: syn })
        offers.push(offered(there.packets[0]))
        there.handle({ type: 'tunPackets', packets: [answer] })
        offers.push(offered(there.packets[0]))
        // The fast path leaves every SYN to the machine.
        const ada = there.flows.numbers.find('ada') ?? -1
        expect(here.flows.passFromTun(syn, WHOLE, instant(here.now))).to.equal(undefined)
        expect(
          here.flows.passFromTunnel(here.flows.numbers.find('gateway') ?? -1, answer, 'complete', instant(here.now)),
        ).to.equal(false)
        expect(there.flows.passFromTun(answer, WHOLE, instant(there.now))).to.equal(undefined)
        expect(there.flows.passFromTunnel(ada, syn, 'complete', instant(there.now))).to.equal(false)
        return offers
      }
      expect(began()).to.deep.equal([mss, mss, mss, mss])
      here.handle({ type: 'mtuChanged', peer: 'gateway', mtu: 1_408 })
      there.handle({ type: 'mtuChanged', peer: 'ada', mtu: 1_408 })
      // The second time the flow is known already.
      expect(began()).to.deep.equal([raised, raised, raised, raised])
    })
  })
}

describe('T10 a packet that may be cut into fragments', () => {
  it('T10 a packet that may be cut into fragments is sent on, however long: the way outside of the tunnel may cut it', () => {
    const bench = client()
    const packet = buildPacket({
      kind: 'udp',
      source: ADA.ipv4,
      destination: '192.0.2.80',
      payload: new Uint8Array(1_372),
    })
    packet[6] = 0
    const view = new PacketView()
    view.parse(packet)
    // The header's checksum, without the bit.
    const sum = word(packet, 10) + 0x4000
    packet.set([((sum % 0x10000) + (sum > 0xffff ? 1 : 0)) >> 8, ((sum % 0x10000) + (sum > 0xffff ? 1 : 0)) & 255], 10)
    bench.handle({ type: 'tunPackets', packets: [packet] })
    expect(bench.packets[0]?.length).to.equal(1_400)
  })
})
