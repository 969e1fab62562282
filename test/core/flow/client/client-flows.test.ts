import { expect } from 'chai'
import { describe, it } from 'mocha'
import { hairpinAddress, hairpinSentinel } from '../../../../core/flow/client/tcp-hairpin.ts'
import { endpoint } from '../../../../core/runtime/endpoint.ts'
import { ADA, BOB, cidr, ClientBench, dns, GATEWAY, internet, proxies, tcp } from '../../../kit/flow-bench.ts'
import { buildIcmpError, buildPacket } from '../../../kit/packet-builder.ts'

const LAB = cidr('lab', '198.51.100.0/24')
const WIKI = dns('wiki', '*.example.org')
const SERVER = '198.51.100.7'
const PROXY = '100.96.0.0'
const LISTENER = 45_300
/** A gateway's "administratively prohibited" about the default packet to `SERVER`. */
const PROHIBITION = {
  type: 'tunnelPacket',
  peer: 'gateway',
  packet: buildIcmpError({
    source: SERVER,
    destination: ADA.ipv4,
    type: 3,
    code: 13,
    about: buildPacket({ source: ADA.ipv4, destination: SERVER }),
  }),
} as const
const SENTINEL = '100.100.111.1'
const SENTINEL6 = 'fd00:2021:1111:8000:100:100:111:1'

const withName = (...resources: Parameters<typeof dns>[]): ClientBench => {
  const client = new ClientBench(...(resources.length === 0 ? [WIKI] : resources.map((each) => dns(...each))))
  const resourceIds = resources.length === 0 ? ['wiki'] : resources.map(([id]) => id)
  client.handle({ type: 'nameMapped', domain: 'a.example.org', addresses: proxies(0), resourceIds })
  return client
}
const active = { type: 'domainStatus', resource: 'wiki', domain: 'a.example.org', status: 'Active' } as const

describe('the client, for a network', () => {
  it('T1 a client requests access once on the first packet, and delivers what waited, in order', () => {
    const client = new ClientBench(LAB)
    expect(client.fromApplication({ destination: SERVER })).to.deep.equal(['request lab'])
    expect(client.fromApplication({ destination: SERVER, kind: 'udp', sourcePort: 1 })).to.deep.equal([])
    expect(client.fromApplication({ destination: SERVER, kind: 'udp', sourcePort: 2 })).to.deep.equal([])
    expect(client.grant('lab')).to.deep.equal([
      `gateway: tcp ${ADA.ipv4}:40000 > ${SERVER}:443 S`,
      `gateway: udp ${ADA.ipv4}:1 > ${SERVER}:443`,
      `gateway: udp ${ADA.ipv4}:2 > ${SERVER}:443`,
    ])
    expect(client.fromApplication({ destination: SERVER, flags: 'A' })).to.deep.equal([
      `gateway: tcp ${ADA.ipv4}:40000 > ${SERVER}:443 A`,
    ])
  })

  it('T1 a client requests access again no sooner than after 2 s, and only while packets come', () => {
    const client = new ClientBench(LAB)
    client.fromApplication({ destination: SERVER })
    expect(client.wait(1_999)).to.deep.equal([])
    expect(client.fromApplication({ destination: SERVER, sourcePort: 1 })).to.deep.equal([])
    expect(client.wait(1)).to.deep.equal([])
    expect(client.fromApplication({ destination: SERVER, sourcePort: 2 })).to.deep.equal(['request lab'])
    expect(client.wait(60_000)).to.deep.equal([])
  })

  it('a client keeps 128 packets of a resource, and the oldest goes first', () => {
    const client = new ClientBench(LAB)
    for (let port = 1; port <= 130; port++) client.fromApplication({ destination: SERVER, sourcePort: port })
    const released = client.grant('lab')
    expect(released).to.have.length(128)
    expect(released[0]).to.contain(':3 > ')
    expect(client.flows.counters()).to.deep.equal({ 'kept-oldest-dropped': 2 })
  })

  it('a client keeps a retransmitted SYN and a duplicate once', () => {
    const client = new ClientBench(LAB)
    for (let identification = 0; identification < 5; identification++) {
      client.fromApplication({ destination: SERVER, identification, sequence: 77 })
      client.fromApplication({ destination: SERVER, kind: 'udp' })
    }
    client.fromApplication({ destination: SERVER, sequence: 78 })
    expect(client.grant('lab')).to.have.length(3)
    expect(client.flows.counters()).to.deep.equal({ 'kept-merged': 8 })
  })

  it('a client does not deliver packets that waited longer than anybody waits', () => {
    const client = new ClientBench(LAB)
    client.fromApplication({ destination: SERVER })
    client.wait(15_000)
    client.fromApplication({ destination: SERVER, sourcePort: 1 })
    client.wait(5_000)
    expect(client.grant('lab')).to.deep.equal([`gateway: tcp ${ADA.ipv4}:1 > ${SERVER}:443 S`])
  })

  it('T4 a client says administratively-prohibited at once, without asking anybody', () => {
    const client = new ClientBench(cidr('web', '198.51.100.0/24', tcp(443)))
    expect(client.fromApplication({ destination: SERVER, destinationPort: 22 })).to.deep.equal([
      `tun: icmp 3/13 ${SERVER} > ${ADA.ipv4} (tcp ${ADA.ipv4}:40000 > ${SERVER}:22 S)`,
    ])
    expect(client.fromApplication({ destination: SERVER, destinationPort: 443 })).to.deep.equal(['request web'])
  })

  it('T5 a client takes the entry that permits the port, then the most specific, then the highest id', () => {
    const client = new ClientBench(
      cidr('b', '198.51.100.0/24'),
      cidr('a', '198.51.100.0/24'),
      cidr('host', '198.51.100.7/32', tcp(22)),
      internet('all'),
    )
    expect(client.fromApplication({ destination: SERVER, destinationPort: 22 })).to.deep.equal(['request host'])
    expect(client.fromApplication({ destination: SERVER, destinationPort: 23 })).to.deep.equal(['request b'])
    expect(client.fromApplication({ destination: '192.0.2.1' })).to.deep.equal(['request all'])
  })

  it('T8 answers for private destinations that no resource covers, which never reach a gateway', () => {
    const client = new ClientBench(internet('all'))
    client.grant('all')
    expect(client.fromApplication({ destination: '10.0.0.1' }).join()).to.match(/^tun: icmp 3\/1 10\.0\.0\.1 > /)
    expect(client.fromApplication({ destination: 'fe80::1' }).join()).to.match(/^tun: icmp 1\/3 fe80::1 > /)
    expect(client.fromApplication({ destination: '64:ff9b::a00:1' }).join()).to.match(
      /^tun: icmp 1\/3 64:ff9b::a00:1 > /,
    )
    expect(client.fromApplication({ destination: '192.0.2.1' })).to.have.length(1)
    expect(client.flows.counters()).to.deep.equal({ 'unknown-destination': 3 })
  })

  it('P6 answers a mapped address whose resource is gone with ICMP unreachable, at once', () => {
    const client = new ClientBench(LAB)
    const [answer = '', ...more] = client.fromApplication({ destination: '100.96.9.9' })
    expect(answer).to.match(/^tun: icmp 3\/1 100\.96\.9\.9 > /)
    expect(more).to.deep.equal([])
  })

  it('a client drops multicast, foreign sources, unknown destinations, fragments and control frames, with the reason', () => {
    const client = new ClientBench(LAB)
    client.grant('lab')
    client.fromApplication({ destination: '224.0.0.251' })
    client.fromApplication({ destination: 'ff02::fb' })
    client.fromApplication({ destination: SERVER, source: BOB.ipv4 })
    client.fromApplication({ destination: '203.0.113.1' })
    client.fromApplication({ destination: BOB.ipv4 })
    client.fromApplication({ destination: '100.96.9.9' })
    const fragment = buildPacket({ source: ADA.ipv4, destination: SERVER })
    fragment[6] = 0x20
    const goodbye = new Uint8Array(48)
    goodbye.set([0x60, 0, 0, 0, 0, 8, 0xff])
    goodbye[40] = 2
    const about = buildPacket({ source: SERVER, destination: ADA.ipv4 })
    const error = buildIcmpError({ source: ADA.ipv4, destination: SERVER, type: 3, code: 3, about })
    expect(client.handle({ type: 'tunPackets', packets: [goodbye, error] })).to.deep.equal([])
    expect(client.handle({ type: 'tunPackets', packets: [fragment] })).to.have.length(1)
    expect(client.flows.counters()).to.deep.equal({
      multicast: 2,
      'source-not-own': 1,
      'unknown-destination': 3,
      'packet-fragment': 1,
      'control-from-tun': 1,
      'icmp-error': 1,
    })
  })

  it('T11 an open connection whose resource is gone is reset at its next packet, and a new one is refused by ICMP', () => {
    const client = new ClientBench(LAB)
    client.grant('lab')
    const open = { destination: SERVER, destinationPort: 22, flags: 'A' }
    expect(client.fromApplication({ ...open, flags: 'S' })[0]).to.match(/^gateway: tcp/)
    expect(client.fromApplication(open)[0]).to.match(/^gateway: tcp/)
    client.handle({ type: 'resourcesChanged', resources: [] })
    expect(client.fromApplication(open)).to.deep.equal([`tun: tcp ${SERVER}:22 > ${ADA.ipv4}:40000 R`])
    expect(client.fromApplication({ ...open, flags: 'R' })[0], 'a reset is answered by no reset').to.contain('icmp')
    expect(client.fromApplication({ ...open, flags: 'S' })[0]).to.contain('tun: icmp 3/1')
    expect(client.fromApplication({ destination: SERVER, kind: 'udp' })[0]).to.contain('tun: icmp 3/1')
    expect(client.flows.counters()).to.deep.equal({ 'unknown-destination': 4, 'connection-reset': 1 })
  })

  it('T11 a container behind a client without masquerading is told by ICMP that its packets do not pass, in both families', () => {
    const client = new ClientBench(LAB)
    client.grant('lab')
    const refused = client.fromApplication({ destination: SERVER, source: '172.17.0.2' })
    expect(refused.map((text) => text.slice(0, 40))).to.deep.equal([
      `tun: icmp 3/13 ${SERVER} > 172.17.0.2`.slice(0, 40),
    ])
    expect(client.fromApplication({ destination: '2001:db8::1', source: 'fd00:db8::2' })[0]).to.match(
      /^tun: icmp6? 1\/1 /,
    )
    expect(client.fromApplication({ destination: '2001:db8::1', source: 'fe80::2' }), 'the device’s own').to.deep.equal(
      [],
    )
    expect(client.flows.counters()).to.deep.equal({ 'source-not-own': 3 })
  })

  it('a client reaches the gateway itself by its tunnel address', () => {
    const client = new ClientBench(LAB)
    client.grant('lab')
    const query = { destination: GATEWAY.ipv4, kind: 'udp' as const, destinationPort: 53_535 }
    expect(client.fromApplication(query)[0]).to.contain('gateway: udp')
    expect(client.fromGateway({ source: GATEWAY.ipv4, kind: 'udp', sourcePort: 53_535 })[0]).to.contain('tun: udp')
  })

  it('a client takes packets from the tunnel only from gateways that serve it, and only for itself', () => {
    const client = new ClientBench(LAB, cidr('other', '203.0.113.0/24'))
    client.grant('lab')
    client.fromApplication({ destination: SERVER })
    expect(client.fromGateway({ source: SERVER })).to.have.length(1)
    expect(client.fromGateway({ source: SERVER }, 'mallory')).to.deep.equal([])
    expect(client.fromGateway({ source: '203.0.113.1' })).to.deep.equal([])
    expect(client.fromGateway({ source: GATEWAY.ipv4 }, 'mallory')).to.deep.equal([])
    expect(client.fromGateway({ source: SENTINEL, kind: 'udp', sourcePort: 53 })).to.deep.equal([])
    expect(client.fromGateway({ source: SERVER, destination: BOB.ipv4 })).to.deep.equal([])
    expect(client.flows.counters()).to.deep.equal({ 'source-not-routed': 4, 'destination-not-own': 1 })
  })

  it('a client takes ICMP errors about its own packets to what the gateway serves', () => {
    const client = new ClientBench(LAB)
    client.grant('lab')
    const error = (source: string, destination: string) =>
      buildIcmpError({
        source: '10.9.9.9',
        destination: ADA.ipv4,
        type: 11,
        code: 0,
        about: buildPacket({ source, destination }),
      })
    const from = (packet: Uint8Array) => client.handle({ type: 'tunnelPacket', peer: 'gateway', packet })
    client.fromApplication({ destination: SERVER })
    expect(from(error(ADA.ipv4, SERVER))).to.have.length(1)
    expect(from(error(BOB.ipv4, SERVER))).to.deep.equal([])
    expect(from(error(ADA.ipv4, '203.0.113.1'))).to.deep.equal([])
  })

  it('a client sends nothing after its gateway prohibited what was granted, its peer lost or its resource gone', () => {
    const client = new ClientBench(LAB)
    const reaches = () => client.fromApplication({ destination: SERVER })[0]?.startsWith('gateway: ') ?? false
    client.grant('lab')
    expect(reaches()).to.equal(true)
    client.handle(PROHIBITION)
    expect(reaches()).to.equal(false)
    client.grant('lab')
    expect(reaches()).to.equal(true)
    client.handle({ type: 'peerLost', peer: 'gateway' })
    expect(reaches()).to.equal(false)
    client.grant('lab')
    // The SYN has no answer yet: it waits again, and is sent with the next grant.
    expect(client.frame({ type: 'goodbye' })).to.deep.equal(['removePeer gateway', 'request lab'])
    expect(client.frame({ type: 'goodbye' })).to.deep.equal([])
    expect(reaches()).to.equal(false)
    client.grant('lab')
    client.handle({ type: 'resourcesChanged', resources: [] })
    expect(reaches()).to.equal(false)
    expect(client.fromGateway({ source: SERVER })).to.deep.equal([])
  })

  it('a client requests access again after its gateway prohibited what was granted, at most every 30 s', () => {
    const client = new ClientBench(LAB)
    client.grant('lab')
    expect(client.fromApplication({ destination: SERVER })[0]).to.contain('gateway: ')
    expect(client.handle(PROHIBITION)).to.have.length(1)
    expect(client.fromApplication({ destination: SERVER })).to.deep.equal(['request lab'])
    client.grant('lab')
    client.handle(PROHIBITION)
    expect(client.fromApplication({ destination: SERVER })[0]).to.contain('gateway: ')
  })

  it('a client keeps a grant when only filters change, and not when the address does', () => {
    const client = new ClientBench(LAB)
    client.grant('lab')
    client.handle({ type: 'resourcesChanged', resources: [cidr('lab', '198.51.100.0/24', tcp(443))] })
    expect(client.fromApplication({ destination: SERVER })[0]).to.contain('gateway: ')
    expect(client.fromApplication({ destination: SERVER, destinationPort: 80 })[0]).to.contain('icmp 3/13')
    const open = { destination: SERVER, destinationPort: 80, flags: 'A' }
    expect(client.fromApplication(open)[0], 'a filter resets no open connection').to.contain('icmp 3/13')
    client.handle({ type: 'resourcesChanged', resources: [cidr('lab', '198.51.100.0/25')] })
    expect(client.fromApplication({ destination: SERVER })).to.deep.equal(['request lab'])
  })

  it('a client moves to another gateway when it is granted there, and still takes the answers of the first', () => {
    const client = new ClientBench(LAB)
    client.grant('lab', 'first')
    client.fromApplication({ destination: SERVER })
    client.grant('lab', 'second')
    expect(client.fromApplication({ destination: SERVER })[0]).to.contain('second: ')
    expect(client.fromGateway({ source: SERVER }, 'first')).to.have.length(1)
    client.handle({ type: 'peerLost', peer: 'first' })
    expect(client.fromGateway({ source: SERVER }, 'first')).to.deep.equal([])
    expect(client.fromApplication({ destination: SERVER })[0]).to.contain('second: ')
  })

  it('a client answers waiting packets with an ICMP error when the authorization failed', () => {
    const client = new ClientBench(LAB)
    client.fromApplication({ destination: SERVER })
    expect(client.handle({ type: 'accessDenied', resourceId: 'lab' })[0]).to.contain('tun: icmp 3/1')
    expect(client.grant('lab')).to.deep.equal([])
  })
})

describe('the client, for a name', () => {
  it('T1 a client waits until the gateway knows the name, and delivers in order then', () => {
    const client = withName()
    expect(client.fromApplication({ destination: PROXY })).to.deep.equal(['request wiki'])
    expect(client.grant('wiki')).to.deep.equal(['gateway: a.example.org of wiki has 8 addresses'])
    expect(client.fromApplication({ destination: PROXY, sourcePort: 1 })).to.deep.equal([])
    expect(client.frame(active)).to.deep.equal([
      `gateway: tcp ${ADA.ipv4}:40000 > ${PROXY}:443 S`,
      `gateway: tcp ${ADA.ipv4}:1 > ${PROXY}:443 S`,
    ])
    expect(client.fromApplication({ destination: PROXY, flags: 'A' })).to.have.length(1)
    expect(client.fromGateway({ source: PROXY, flags: 'SA' })[0]).to.contain(`tun: tcp ${PROXY}`)
    expect(client.frame(active)).to.deep.equal([])
  })

  it('a client tells the gateway a name’s addresses every 2 s until the gateway knows them, and not for ever', () => {
    const client = withName()
    client.fromApplication({ destination: PROXY })
    client.grant('wiki')
    expect(client.wait(1_999)).to.deep.equal([])
    expect(client.wait(1)).to.deep.equal(['gateway: a.example.org of wiki has 8 addresses'])
    expect(client.wait(60_000)).to.have.length(8)
    expect(client.machine.deadline()).to.equal(undefined)
    expect(client.fromApplication({ destination: PROXY, sourcePort: 1 })).to.have.length(1)
    client.frame(active)
    expect(client.wait(60_000)).to.deep.equal([])
  })

  it('D10 a client tells a name’s addresses again when an application asks again, at most once a second', () => {
    const client = withName()
    client.grant('wiki')
    const query = { type: 'nameQueried', domain: 'a.example.org' } as const
    expect(client.handle(query)).to.have.length(1)
    client.frame(active)
    expect(client.handle(query)).to.deep.equal([])
    client.wait(1_000)
    expect(client.handle(query)).to.have.length(1)
    expect(client.handle(query)).to.deep.equal([])
    expect(client.fromApplication({ destination: PROXY })).to.have.length(1)
  })

  it('a client tells a name’s addresses as soon as the name is asked for where the resource is granted already', () => {
    const client = new ClientBench(WIKI)
    client.grant('wiki')
    const mapped = {
      type: 'nameMapped',
      domain: 'a.example.org',
      addresses: proxies(0),
      resourceIds: ['wiki'],
    } as const
    expect(client.handle(mapped)).to.deep.equal(['gateway: a.example.org of wiki has 8 addresses'])
  })

  it('a client answers waiting packets when the gateway says Inactive, and tries again with the next packet after 2 s', () => {
    const client = withName()
    client.handle({ type: 'nameMapped', domain: 'b.example.org', addresses: proxies(1), resourceIds: ['wiki'] })
    client.fromApplication({ destination: PROXY })
    client.fromApplication({ destination: '100.96.0.4' })
    client.grant('wiki')
    expect(client.frame({ ...active, status: 'Inactive' })).to.deep.equal([
      `tun: icmp 3/1 ${PROXY} > ${ADA.ipv4} (tcp ${ADA.ipv4}:40000 > ${PROXY}:443 S)`,
    ])
    expect(client.fromApplication({ destination: PROXY })).to.deep.equal([])
    expect(client.wait(2_000)).to.include('gateway: a.example.org of wiki has 8 addresses')
    expect(client.frame({ ...active, domain: 'b.example.org' })[0]).to.contain('> 100.96.0.4:443')
  })

  it('T5 a client takes the resource of a name that permits the port, then the most specific pattern', () => {
    const client = withName(
      ['wide', '**.example.org', tcp(1, 65_535)],
      ['exact', 'a.example.org', tcp(443)],
      ['star', '*.example.org'],
    )
    expect(client.fromApplication({ destination: PROXY })).to.deep.equal(['request exact'])
    expect(client.fromApplication({ destination: PROXY, destinationPort: 80 })).to.deep.equal(['request star'])
  })

  it('D5 a client has no way to the addresses of a family that the most specific resource does not have', () => {
    const client = new ClientBench(
      { ...dns('exact', 'a.example.org', tcp(443)), ipStack: 'ipv4_only' },
      dns('star', '*.example.org'),
    )
    const addresses = proxies(0)
    client.handle({ type: 'nameMapped', domain: 'a.example.org', addresses, resourceIds: ['exact', 'star'] })
    const proxy6 = addresses.find((address) => address.includes(':')) ?? ''
    expect(client.fromApplication({ destination: proxy6 })[0]).to.match(/^tun: icmp/)
    // Each of the name's resources may permit the port (T5), over the family that the most specific one has.
    expect(client.fromApplication({ destination: PROXY })).to.deep.equal(['request exact'])
    expect(client.fromApplication({ destination: PROXY, destinationPort: 80 })).to.deep.equal(['request star'])
  })

  it('a client says which names have packets while access is requested, each once, those of open connections too', () => {
    const client = withName()
    client.handle({ type: 'nameMapped', domain: 'b.example.org', addresses: proxies(1), resourceIds: ['wiki'] })
    client.grant('wiki')
    client.fromApplication({ destination: PROXY })
    client.frame(active)
    const more = `gateway: tcp ${ADA.ipv4}:40000 > ${PROXY}:443 A`
    expect(client.fromApplication({ destination: PROXY, flags: 'A' })).to.deep.equal([more])
    expect(client.handle({ type: 'namesWatched' })).to.deep.equal([])
    expect(client.fromApplication({ destination: PROXY, flags: 'A' })).to.deep.equal(['used a.example.org', more])
    expect(client.fromApplication({ destination: PROXY, flags: 'A' })).to.deep.equal([more])
    client.handle({ type: 'namesWatched' })
    expect(client.fromApplication({ destination: PROXY, flags: 'A' })).to.deep.equal(['used a.example.org', more])
  })

  it('a client has no way to the addresses of a forgotten name, and tells its gateway when they become another name’s', () => {
    const client = withName()
    client.grant('wiki')
    client.fromApplication({ destination: PROXY })
    client.frame(active)
    client.handle({ type: 'nameForgotten', domain: 'a.example.org' })
    expect(client.fromApplication({ destination: PROXY, flags: 'A' })).to.deep.equal([
      `tun: tcp ${PROXY}:443 > ${ADA.ipv4}:40000 R`,
    ])
    expect(client.fromApplication({ destination: PROXY })[0]).to.match(/^tun: icmp 3\/1/)
    const addresses = proxies(0)
    expect(
      client.handle({ type: 'nameMapped', domain: 'new.example.org', addresses, resourceIds: ['wiki'] }),
    ).to.deep.equal(['gateway: new.example.org of wiki has 8 addresses'])
    expect(client.fromApplication({ destination: PROXY }), 'before the gateway knows').to.deep.equal([])
    expect(client.frame({ ...active, domain: 'new.example.org' })[0]).to.contain(`> ${PROXY}:443`)
  })

  it('a client believes a name’s status only from the gateway of the resource', () => {
    const client = withName()
    client.fromApplication({ destination: PROXY })
    client.grant('wiki')
    expect(client.frame(active, 'mallory')).to.deep.equal([])
    expect(client.frame({ ...active, resource: 'other' })).to.deep.equal([])
    expect(client.frame({ ...active, domain: 'other.example.org' })).to.deep.equal([])
    expect(client.frame(active)).to.have.length(1)
  })

  it('a client tells a name’s addresses anew to a gateway that is granted anew', () => {
    const client = withName()
    client.grant('wiki')
    client.fromApplication({ destination: PROXY })
    client.frame(active)
    expect(client.frame({ type: 'goodbye' })).to.deep.equal(['removePeer gateway', 'request wiki'])
    expect(client.fromApplication({ destination: PROXY, sourcePort: 1 })).to.deep.equal([])
    expect(client.grant('wiki')).to.deep.equal(['gateway: a.example.org of wiki has 8 addresses'])
  })
})

describe("the client's resolver address", () => {
  const withSentinel = (): ClientBench => {
    const client = new ClientBench(LAB)
    client.handle({ type: 'sentinelsChanged', addresses: [SENTINEL, SENTINEL6, '100.100.111.2'] })
    client.handle({ type: 'listenersOpened', ports: { ipv4: LISTENER, ipv6: LISTENER } })
    return client
  }

  it('D1 the client’s resolver address takes UDP queries to the resolver and turns the answers into packets', () => {
    const client = withSentinel()
    for (const [own, sentinel] of [
      [ADA.ipv4, SENTINEL],
      [ADA.ipv6, SENTINEL6],
    ] as const) {
      const source = endpoint(own, 5_000)
      const destination = endpoint(sentinel, 53)
      const question = { destination: sentinel, kind: 'udp' as const, sourcePort: 5_000, destinationPort: 53 }
      expect(client.fromApplication({ ...question, payload: Uint8Array.of(1, 2) })).to.deep.equal([
        `query ${source} > ${destination}`,
      ])
      const answer = { type: 'resolverAnswer', source, destination, message: Uint8Array.of(3, 4) } as const
      expect(client.handle(answer)).to.deep.equal([`tun: udp ${destination} > ${source}`])
    }
  })

  it('D6 the client’s resolver address turns TCP round to the local listener and back, which can tell the sentinel meant', () => {
    const client = withSentinel()
    for (const [own, sentinel] of [
      [ADA.ipv4, SENTINEL],
      [ADA.ipv6, SENTINEL6],
      [ADA.ipv4, '100.100.111.2'],
    ] as const) {
      const mirror = hairpinAddress(sentinel) ?? ''
      expect(hairpinSentinel(mirror)).to.equal(sentinel)
      expect(client.fromApplication({ destination: sentinel, sourcePort: 5_000, destinationPort: 53 })).to.deep.equal([
        `tun: tcp ${endpoint(mirror, 5_000)} > ${endpoint(own, LISTENER)} S`,
      ])
      const answer = { destination: mirror, sourcePort: LISTENER, destinationPort: 5_000, flags: 'SA' }
      expect(client.fromApplication(answer)).to.deep.equal([
        `tun: tcp ${endpoint(sentinel, 53)} > ${endpoint(own, 5_000)} SA`,
      ])
    }
  })

  it('D16 the client’s resolver address refuses TCP at once while the client itself has no listener, in each family', () => {
    const client = withSentinel()
    client.handle({ type: 'listenersOpened', ports: { ipv6: LISTENER } })
    const ask = (destination: string) =>
      client.fromApplication({ destination, sourcePort: 5_000, destinationPort: 53 }).join()
    expect(ask(SENTINEL)).to.match(/^tun: icmp 3\/3 100\.100\.111\.1 > /)
    expect(ask(SENTINEL6)).to.match(/^tun: tcp /)
    client.handle({ type: 'listenersOpened', ports: {} })
    expect(ask(SENTINEL6)).to.match(/^tun: icmp 1\/4 /)
    // An answer from another source does not pass for the resolver's.
    const answer = {
      destination: hairpinAddress(SENTINEL) ?? '',
      sourcePort: LISTENER,
      destinationPort: 5_000,
      flags: 'SA',
    }
    expect(client.fromApplication(answer)).to.deep.equal([])
  })

  it('D12 the client’s resolver address takes queries at the earlier sentinels until the next change', () => {
    const client = new ClientBench(LAB)
    const asks = (sentinel: string) =>
      client
        .fromApplication({ destination: sentinel, kind: 'udp', destinationPort: 53 })
        .some((text) => text.startsWith('query'))
    client.handle({ type: 'sentinelsChanged', addresses: ['100.100.111.1'] })
    client.handle({ type: 'sentinelsChanged', addresses: ['100.100.111.2'] })
    expect(['100.100.111.1', '100.100.111.2'].map(asks)).to.deep.equal([true, true])
    client.handle({ type: 'sentinelsChanged', addresses: ['100.100.111.3'] })
    expect(['100.100.111.1', '100.100.111.2', '100.100.111.3'].map(asks)).to.deep.equal([false, true, true])
  })

  it('the client’s resolver address says port unreachable for other ports, and there is no other sentinel', () => {
    const client = withSentinel()
    expect(client.fromApplication({ destination: SENTINEL, destinationPort: 853 })[0]).to.contain('icmp 3/3')
    expect(client.fromApplication({ destination: SENTINEL, kind: 'echoRequest' })[0]).to.contain('icmp 3/3')
    expect(client.fromApplication({ destination: '100.100.111.3', kind: 'udp', destinationPort: 53 })).to.deep.equal([])
    expect(hairpinAddress('192.0.2.1')).to.equal(undefined)
  })

  it('the client’s resolver address drops an answer that fits no query', () => {
    const client = withSentinel()
    const source = endpoint(ADA.ipv6, 1)
    const destination = endpoint(SENTINEL, 53)
    expect(client.handle({ type: 'resolverAnswer', source, destination, message: new Uint8Array(0) })).to.deep.equal([])
    expect(client.flows.counters()).to.deep.equal({ 'bad-answer': 1 })
  })
})
