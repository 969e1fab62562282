import { expect } from 'chai'
import { describe, it } from 'mocha'
import { instant } from '../../../../core/runtime/time.ts'
import { ADA, cidr, ClientBench, dns, GATEWAY, internet, proxies } from '../../../kit/flow-bench.ts'
import { buildIcmpError, buildIp, buildPacket, type PacketParts } from '../../../kit/packet-builder.ts'

const ACTIVE = { type: 'domainStatus', resource: 'wiki', domain: 'a.example.org', status: 'Active' } as const

/** Makes a client of a hostile gateway that serves networks, a name, and the Internet to it. */
const client = (): ClientBench => {
  const bench = new ClientBench(
    cidr('lab', '198.51.100.0/24'),
    cidr('lab6', '2001:db8:5::/64'),
    dns('wiki', '*.example.org'),
    internet('all'),
  )
  bench.handle({ type: 'nameMapped', domain: 'a.example.org', addresses: proxies(0), resourceIds: ['wiki'] })
  for (const id of ['lab', 'lab6', 'wiki', 'all']) bench.grant(id)
  bench.fromApplication({ destination: proxies(0)[0] ?? '', kind: 'udp', sourcePort: 1 })
  bench.frame(ACTIVE)
  return bench
}

const SERVERS = {
  'a server': { ipv4: '198.51.100.7', ipv6: '2001:db8:5::7' },
  'a mapped address': { ipv4: '100.96.0.0', ipv6: 'fd00:2021:1111:8000::' },
  'a public server': { ipv4: '192.0.2.8', ipv6: '2001:db8:99::8' },
  'the gateway itself': GATEWAY,
} as const

/**
 * Delivers a packet by both ways into the device, the whole machine and the lane's fast path; returns whether it was
 * let in.
 */
const comesIn = (bench: ClientBench, packet: Uint8Array, peer = 'gateway'): boolean => {
  const number = bench.flows.numbers.find(peer) ?? -1
  if (bench.flows.passFromTunnel(number, new Uint8Array(packet), 'complete', instant(bench.now))) return true
  return bench
    .handle({ type: 'tunnelPacket', peer, packet: new Uint8Array(packet) })
    .some((told) => told.startsWith('tun: '))
}

describe('T12 what a hostile gateway sends unasked', () => {
  for (const [who, { ipv4, ipv6 }] of Object.entries(SERVERS)) {
    for (const [source, own] of [
      [ipv4, ADA.ipv4],
      [ipv6, ADA.ipv6],
    ] as const) {
      const packet = (parts: Partial<PacketParts>) => buildPacket({ source, destination: own, ...parts })

      it(`T12 a packet that nothing asked for opens nothing as ${who}, by any protocol: ${source}`, () => {
        const bench = client()
        const about = buildPacket({ source: own, destination: source, destinationPort: 443 })
        const isIpv6 = source.includes(':')
        for (const [what, bytes] of Object.entries({
          'TCP SYN': packet({ destinationPort: 22 }),
          'TCP SYN ACK': packet({ destinationPort: 22, flags: 'SA' }),
          'TCP ACK': packet({ destinationPort: 22, flags: 'A' }),
          'TCP RST': packet({ destinationPort: 22, flags: 'R' }),
          UDP: packet({ kind: 'udp', destinationPort: 53 }),
          ping: packet({ kind: 'echoRequest' }),
          pong: packet({ kind: 'echoReply' }),
          GRE: buildIp({ source, destination: own, protocol: 47, transport: Array.from({ length: 20 }, () => 0) }),
          'ICMP timestamp, or neighbour solicitation': buildIp({
            source,
            destination: own,
            protocol: isIpv6 ? 58 : 1,
            transport: [isIpv6 ? 135 : 13, ...new Uint8Array(23)],
          }),
          'ICMP error': buildIcmpError({ source, destination: own, type: isIpv6 ? 1 : 3, code: isIpv6 ? 4 : 3, about }),
        })) {
          expect(comesIn(bench, bytes), what).to.equal(false)
        }
        expect(bench.flows.counters()['no-flow']).to.equal(10)
        const fragment = packet({ kind: 'udp' })
        if (isIpv6) return
        fragment.set([0x20, 0], 6)
        expect(comesIn(bench, fragment)).to.equal(false)
      })

      it(`T12 only answers to flows that began here come in as ${who}: ${source}`, () => {
        const bench = client()
        for (const kind of ['tcp', 'udp'] as const) {
          bench.fromApplication({ destination: source, kind, sourcePort: 5_000, destinationPort: 443 })
          const answer = { kind, sourcePort: 443, destinationPort: 5_000, flags: 'SA' }
          expect(comesIn(bench, packet(answer)), kind).to.equal(true)
          expect(comesIn(bench, packet({ ...answer, sourcePort: 444 })), 'another port there').to.equal(false)
          expect(comesIn(bench, packet({ ...answer, destinationPort: 22 })), 'another port here').to.equal(false)
          const other = kind === 'tcp' ? 'udp' : 'tcp'
          if (kind === 'tcp')
            expect(comesIn(bench, packet({ ...answer, kind: other })), 'another protocol').to.equal(false)
          expect(comesIn(bench, packet(answer), 'another'), 'another gateway').to.equal(false)
        }
        // A SYN on the ports of a connection does not begin another one.
        expect(comesIn(bench, packet({ sourcePort: 443, destinationPort: 5_000, flags: 'S' }))).to.equal(false)
        bench.fromApplication({ destination: source, kind: 'echoRequest', sourcePort: 9 })
        expect(comesIn(bench, packet({ kind: 'echoReply', sourcePort: 9 }))).to.equal(true)
        expect(comesIn(bench, packet({ kind: 'echoReply', sourcePort: 8 }))).to.equal(false)
        expect(comesIn(bench, packet({ kind: 'echoRequest', sourcePort: 9 }))).to.equal(false)
      })
    }
  }

  const SERVER = SERVERS['a server'].ipv4
  const from = (parts: Partial<PacketParts>) =>
    buildPacket({ source: SERVER, destination: ADA.ipv4, sourcePort: 443, destinationPort: 40_000, ...parts })

  it('T12 a gateway is believed in an ICMP error about a packet that this machine sent to it', () => {
    const bench = client()
    const error = (sourcePort: number) =>
      buildIcmpError({
        source: '10.9.9.9',
        destination: ADA.ipv4,
        type: 11,
        code: 0,
        about: buildPacket({ source: ADA.ipv4, destination: SERVER, sourcePort }),
      })
    bench.fromApplication({ destination: SERVER })
    expect(comesIn(bench, error(40_000))).to.equal(true)
    expect(comesIn(bench, error(40_001))).to.equal(false)
    expect(comesIn(bench, error(40_000), 'another')).to.equal(false)
  })

  it('T12 no answer comes in after a reset, after both ends have closed, and after a silence', () => {
    for (const end of ['reset here', 'reset there', 'closed', 'silence']) {
      const bench = client()
      bench.fromApplication({ destination: SERVER })
      expect(comesIn(bench, from({ flags: 'SA' }))).to.equal(true)
      bench.fromApplication({ destination: SERVER, flags: 'A' })
      expect(comesIn(bench, from({ flags: 'A' })), end).to.equal(true)
      if (end === 'reset here') bench.fromApplication({ destination: SERVER, flags: 'R' })
      if (end === 'reset there') comesIn(bench, from({ flags: 'RA' }))
      if (end === 'closed') {
        bench.fromApplication({ destination: SERVER, flags: 'FA' })
        expect(comesIn(bench, from({ flags: 'FA' }))).to.equal(true)
        expect(comesIn(bench, from({ flags: 'A' })), 'the last acknowledgement').to.equal(true)
        bench.now += 5_000
      }
      if (end === 'silence') bench.now += (2 * 60 + 4) * 60_000
      expect(comesIn(bench, from({ flags: 'A' })), end).to.equal(false)
    }
    const bench = client()
    bench.fromApplication({ destination: SERVER, kind: 'udp' })
    expect(comesIn(bench, from({ kind: 'udp' }))).to.equal(true)
    bench.now += 120_000
    expect(comesIn(bench, from({ kind: 'udp' }))).to.equal(false)
  })

  it('T12 no answer comes in once its resource is gone, the gateway lost, or this machine has other addresses', () => {
    for (const end of [
      { type: 'resourcesChanged', resources: [] },
      { type: 'peerLost', peer: 'gateway' },
      { type: 'interfaceConfigured', ...ADA },
    ] as const) {
      const bench = client()
      bench.handle({ type: 'resourcesChanged', resources: [cidr('lab', '198.51.100.0/24')] })
      bench.fromApplication({ destination: SERVER })
      expect(comesIn(bench, from({ flags: 'SA' }))).to.equal(true)
      bench.handle(end)
      expect(comesIn(bench, from({ flags: 'A' })), end.type).to.equal(false)
    }
  })

  it('T12 a gateway cannot use a new connection on the ports of a closed one before it is answered', () => {
    const bench = client()
    bench.fromApplication({ destination: SERVER })
    comesIn(bench, from({ flags: 'SA' }))
    bench.fromApplication({ destination: SERVER, flags: 'FA' })
    comesIn(bench, from({ flags: 'FA' }))
    bench.fromApplication({ destination: SERVER, sequence: 77 })
    bench.now += 5_000
    expect(comesIn(bench, from({ flags: 'SA' }))).to.equal(true)
  })

  it('T12 the table of begun flows is bounded: a flow without room is refused at once, and has room again later', () => {
    const bench = client()
    const begin = (n: number) =>
      bench.fromApplication({
        destination: SERVER,
        kind: 'udp',
        sourcePort: 1 + (n % 60_000),
        destinationPort: 1 + Math.floor(n / 60_000),
      })
    // One flow is there from the beginning.
    let begun = 0
    while (begun < 65_535 && begin(begun)[0]?.includes('gateway: ') === true) begun++
    expect(begun).to.equal(65_535)
    expect(begin(65_536)[0]).to.match(/^tun: icmp 3\/1 /)
    bench.now += 60_000
    expect(begin(65_536)[0]).to.contain('gateway: ')
  })
})
