import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import type { FlowResource } from '../../../core/flow/flow-resource.ts'
import { ADA, cidr, ClientBench, dns, GATEWAY, GatewayBench, proxies } from '../../kit/flow-bench.ts'
import { describePacket } from '../../kit/packet-builder.ts'

const peer = { peer: 'gateway', peerIpv4: GATEWAY.ipv4, peerIpv6: GATEWAY.ipv6 }

/** Carries the client's packets to the gateway, and the gateway's answers back; returns all other outputs. */
const carry = (client: ClientBench, gateway: GatewayBench, fromClient: string[]): string[] => {
  const rest = fromClient.filter((told) => !told.startsWith('gateway: '))
  for (const packet of client.packets) {
    const told = gateway.handle({ type: 'tunnelPacket', peer: 'ada', packet })
    rest.push(...told.filter((each) => !each.startsWith('ada: ')))
    for (const answer of gateway.packets.filter((_, at) => told[at]?.startsWith('ada: '))) {
      rest.push(...carry(client, gateway, client.handle({ type: 'tunnelPacket', peer: 'gateway', packet: answer })))
    }
  }
  return rest
}

describe('client and gateway together', () => {
  it('D1 T1 T3 the first packet to a name reaches its server, and the answer comes back without the server’s address', () => {
    const wiki = dns('wiki', '*.example.org')
    const client = new ClientBench(wiki)
    const gateway = new GatewayBench()
    gateway.grant(wiki)
    client.handle({ type: 'nameMapped', domain: 'a.example.org', addresses: proxies(0), resourceIds: ['wiki'] })
    expect(client.fromApplication({ destination: '100.96.0.2' })).to.deep.equal(['request wiki'])
    expect(carry(client, gateway, client.handle({ type: 'connected', resourceId: 'wiki', ...peer }))).to.deep.equal([
      'resolve 0 a.example.org',
    ])
    gateway.handle({ type: 'resolved', lookup: 0, ipv4: ['10.0.0.5'], ipv6: [] })
    const [status] = gateway.packets
    const released = client.handle({ type: 'tunnelPacket', peer: 'gateway', packet: status ?? new Uint8Array(0) })
    expect(carry(client, gateway, released)).to.deep.equal([`tun: tcp ${ADA.ipv4}:40000 > 10.0.0.5:443 S`])
    gateway.fromNetwork({ source: '10.0.0.5', sourcePort: 443, destinationPort: 40_000, flags: 'SA' })
    const [answer] = gateway.packets
    expect(client.handle({ type: 'tunnelPacket', peer: 'gateway', packet: answer ?? new Uint8Array(0) })).to.deep.equal(
      [`tun: tcp 100.96.0.2:443 > ${ADA.ipv4}:40000 SA`],
    )
    // Statement D11, at both ends.
    const asked = client.fromApplication({ destination: 'fd00:2021:1111:8000::2' })
    carry(client, gateway, asked)
    expect(describePacket(client.packets[0])).to.contain('icmp 1/3 fd00:2021:1111:8000::2 > fd00:2021:1111::2')
  })

  it('T5 client and gateway decide alike on overlapping resources, whatever they are', () => {
    const filter = fc.record({
      protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'icmp' as const),
      portStart: fc.constantFrom(0, 80),
      portEnd: fc.constantFrom(80, 443),
    })
    const resource: fc.Arbitrary<Omit<FlowResource, 'id'>> = fc.record({
      type: fc.constant('cidr' as const),
      address: fc.constantFrom('10.0.0.0/8', '10.0.0.0/24', '10.0.0.5/32', '0.0.0.0/0'),
      filters: fc.array(filter, { maxLength: 2 }),
    })
    const list = fc.array(resource, { maxLength: 5 }).map((each) => each.map((some, at) => ({ ...some, id: `r${at}` })))
    const packet = fc.record({
      kind: fc.constantFrom('tcp' as const, 'udp' as const, 'echoRequest' as const),
      destination: fc.constantFrom('10.0.0.5', '10.0.0.6', '10.9.9.9'),
      destinationPort: fc.constantFrom(22, 80, 443),
    })
    fc.assert(
      fc.property(list, packet, (resources, parts) => {
        const client = new ClientBench(...resources)
        const gateway = new GatewayBench()
        const [asked] = client.fromApplication(parts)
        const wanted = /^request (.*)/.exec(asked ?? '')?.[1]
        // The one resource that the client requests is enough to pass; all others without it are not.
        for (const each of resources.toReversed()) if (each.id === wanted) gateway.grant(each)
        expect(gateway.fromClient(parts)[0]?.startsWith('tun: ') ?? false).to.equal(wanted !== undefined)
        const all = new GatewayBench()
        for (const each of resources.toReversed()) all.grant(each)
        expect(all.fromClient(parts)[0]?.startsWith('tun: ') ?? false).to.equal(wanted !== undefined)
      }),
    )
  })

  it('P6 client and gateway say goodbye to each other when the last grant goes', () => {
    const lab = cidr('lab', '198.51.100.0/24')
    const client = new ClientBench(lab)
    const gateway = new GatewayBench()
    gateway.grant(lab)
    client.handle({ type: 'connected', resourceId: 'lab', ...peer })
    gateway.handle({ type: 'withdrawn', peer: 'ada', resourceId: 'lab' })
    const [goodbye] = gateway.packets
    expect(
      client.handle({ type: 'tunnelPacket', peer: 'gateway', packet: goodbye ?? new Uint8Array(0) }),
    ).to.deep.equal(['removePeer gateway'])
    expect(client.fromApplication({ destination: '198.51.100.7' })).to.deep.equal(['request lab'])
  })
})
