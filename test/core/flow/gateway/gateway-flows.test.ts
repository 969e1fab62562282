import { expect } from 'chai'
import { describe, it } from 'mocha'
import { instant } from '../../../../core/runtime/time.ts'
import { ADA, BOB, cidr, dns, GATEWAY, GatewayBench, internet, tcp } from '../../../kit/flow-bench.ts'
import { spellingsOf } from '../../../kit/ipv4-spellings.ts'
import { buildIcmpError, buildIp, buildPacket } from '../../../kit/packet-builder.ts'

const LAB = cidr('lab', '198.51.100.0/24')
const WIKI = dns('wiki', '*.example.org')
const PROXY = '100.96.0.0'
const PROXY6 = 'fd00:2021:1111:8000::'

const prohibited = (gateway: GatewayBench, destination: string): string[] => {
  const about = `(tcp ${ADA.ipv4}:40000 > ${destination}:443 S)`
  expect(gateway.fromClient({ destination })).to.deep.equal([`ada: icmp 3/13 ${destination} > ${ADA.ipv4} ${about}`])
  return []
}

describe('the gateway, for a network', () => {
  it('T2 a gateway passes packets to a network on with their destination unchanged, and their answers back', () => {
    const gateway = new GatewayBench()
    gateway.grant(LAB)
    expect(gateway.fromClient({ destination: '198.51.100.7' })).to.deep.equal([
      'tun: tcp 100.64.0.2:40000 > 198.51.100.7:443 S',
    ])
    const answer = { source: '198.51.100.7', sourcePort: 443, destinationPort: 40_000, flags: 'SA' }
    expect(gateway.fromNetwork(answer)).to.deep.equal(['ada: tcp 198.51.100.7:443 > 100.64.0.2:40000 SA'])
    expect(gateway.fromClient({ destination: '198.51.100.7', kind: 'echoRequest', sourcePort: 5 })).to.deep.equal([
      'tun: ping 5 100.64.0.2 > 198.51.100.7',
    ])
    expect(gateway.fromNetwork({ source: '198.51.100.7', kind: 'echoReply', sourcePort: 5 })).to.deep.equal([
      'ada: pong 5 198.51.100.7 > 100.64.0.2',
    ])
  })

  it('a gateway lets nothing in from the network that answers nothing', () => {
    const gateway = new GatewayBench()
    gateway.grant(LAB)
    expect(gateway.fromNetwork({ source: '198.51.100.7', sourcePort: 443, destinationPort: 40_000 })).to.deep.equal([])
    expect(gateway.fromNetwork({ source: '198.51.100.7', kind: 'echoRequest' })).to.deep.equal([])
    expect(gateway.flows.counters()).to.include({ 'no-flow': 2 })
  })

  it('P1 a gateway denies packets that no grant covers', () => {
    const gateway = new GatewayBench()
    prohibited(gateway, '198.51.100.7')
    gateway.grant(LAB)
    prohibited(gateway, '198.51.101.7')
    expect(gateway.flows.counters()).to.include({ 'no-grant': 2 })
  })

  it('P7 P1 a gateway drops packets of a peer that was never added', () => {
    const gateway = new GatewayBench()
    gateway.grant(LAB, { peer: 'mallory' })
    expect(gateway.fromClient({ destination: '198.51.100.7' }, 'mallory')).to.deep.equal([])
    expect(gateway.flows.counters()).to.deep.equal({ 'unknown-peer': 2 })
  })

  it('T4 a gateway refuses a port that the filters refuse, for a client that ignores its own', () => {
    const gateway = new GatewayBench()
    gateway.grant(cidr('web', '198.51.100.0/24', tcp(443)))
    expect(gateway.fromClient({ destination: '198.51.100.7', destinationPort: 22 })).to.deep.equal([
      `ada: icmp 3/13 198.51.100.7 > ${ADA.ipv4} (tcp ${ADA.ipv4}:40000 > 198.51.100.7:22 S)`,
    ])
    expect(gateway.fromClient({ destination: '198.51.100.7', kind: 'udp' })[0]).to.contain('icmp 3/13')
    expect(gateway.fromClient({ destination: '198.51.100.7' })[0]).to.contain('tun: ')
    expect(gateway.flows.counters()).to.include({ 'port-refused': 1, 'protocol-refused': 1 })
  })

  it('T5 a gateway takes the entry that permits the port, then the most specific, then the highest id', () => {
    const gateway = new GatewayBench()
    gateway.grant(cidr('narrow', '198.51.100.7/32', tcp(443)))
    gateway.grant(cidr('wide', '198.51.100.0/24', tcp(80)))
    expect(gateway.fromClient({ destination: '198.51.100.7', destinationPort: 80 })[0]).to.contain('tun: ')
    expect(gateway.fromClient({ destination: '198.51.100.7', destinationPort: 443 })[0]).to.contain('tun: ')
    expect(gateway.fromClient({ destination: '198.51.100.7', destinationPort: 81 })[0]).to.contain('icmp 3/13')
    gateway.handle({ type: 'withdrawn', peer: 'ada', resourceId: 'narrow' })
    expect(gateway.fromClient({ destination: '198.51.100.7', destinationPort: 80 })[0]).to.contain('tun: ')
    expect(gateway.fromClient({ destination: '198.51.100.7', destinationPort: 443 })[0]).to.contain('icmp 3/13')
  })

  it('T6 a gateway lets no foreign source out, and no client reach another', () => {
    const gateway = new GatewayBench()
    gateway.handle({ type: 'peerAdded', peer: 'bob', ...BOB })
    gateway.grant(cidr('everything', '0.0.0.0/0'))
    gateway.grant(cidr('everything', '0.0.0.0/0'), { peer: 'bob' })
    expect(gateway.fromClient({ destination: '198.51.100.7', source: BOB.ipv4 })[0]).to.contain('ada: icmp 3/13')
    expect(gateway.fromClient({ destination: '198.51.100.7', source: '10.0.0.1' })[0]).to.contain('ada: icmp 3/13')
    expect(gateway.fromClient({ destination: '198.51.100.7' }, 'bob')[0]).to.contain('tun: ')
    // The cached verdict of the other client must not apply.
    expect(gateway.fromClient({ destination: '198.51.100.7', source: BOB.ipv4 })[0]).to.contain('ada: icmp 3/13')
    prohibited(gateway, BOB.ipv4)
    prohibited(gateway, '100.95.1.1')
    expect(gateway.flows.counters()).to.include({ 'source-not-own': 3, 'tunnel-address': 2 })
  })

  it('T11 a gateway tells a server whose answer comes in fragments that it does not pass, once', () => {
    const gateway = new GatewayBench()
    const [first, later] = [0x20, 0x21].map((flags) => {
      const bytes = buildPacket({ kind: 'udp', source: '198.51.100.7', destination: ADA.ipv4 })
      bytes[6] = flags
      return bytes
    })
    const packets = [first, later].filter((bytes) => bytes !== undefined)
    const [told = '', ...more] = gateway.handle({ type: 'tunPackets', packets })
    expect(told).to.contain('tun: icmp 3/13').and.to.contain('> 198.51.100.7')
    expect(more).to.deep.equal([])
    expect(gateway.flows.counters()).to.include({ 'packet-fragment': 2 })
  })

  it('a gateway drops multicast, ICMP errors and fragments of a client, with the reason', () => {
    const gateway = new GatewayBench()
    gateway.grant(cidr('everything', '0.0.0.0/0'))
    gateway.grant(cidr('everything6', '::/0'))
    expect(gateway.fromClient({ destination: '224.0.0.251', kind: 'udp' })).to.deep.equal([])
    expect(gateway.fromClient({ destination: 'ff02::fb', kind: 'udp' })).to.deep.equal([])
    const about = buildPacket({ source: '198.51.100.7', destination: ADA.ipv4 })
    const error = buildIcmpError({ source: ADA.ipv4, destination: '198.51.100.7', type: 3, code: 3, about })
    expect(gateway.handle({ type: 'tunnelPacket', peer: 'ada', packet: error })).to.deep.equal([])
    const fragment = buildPacket({ source: ADA.ipv4, destination: '198.51.100.7' })
    fragment[6] = 0x20
    expect(gateway.handle({ type: 'tunnelPacket', peer: 'ada', packet: fragment })).to.deep.equal([])
    expect(gateway.flows.counters()).to.deep.equal({ multicast: 2, 'icmp-error': 1, 'packet-fragment': 1 })
  })

  it('a gateway answers pings and the site resolver on its own address, and nothing else', () => {
    const gateway = new GatewayBench()
    gateway.grant(LAB)
    const destination = GATEWAY.ipv4
    expect(gateway.fromClient({ destination, kind: 'echoRequest' })[0]).to.contain('tun: ping')
    expect(gateway.fromClient({ destination, kind: 'udp', destinationPort: 53_535 })[0]).to.contain('tun: udp')
    expect(gateway.fromClient({ destination, destinationPort: 22 })[0]).to.contain('ada: icmp 3/13')
    expect(gateway.fromNetwork({ source: destination, kind: 'echoReply' })[0]).to.contain('ada: pong')
    expect(gateway.fromNetwork({ source: destination, kind: 'udp', sourcePort: 53_535 })[0]).to.contain('ada: udp')
    expect(gateway.fromNetwork({ source: destination, sourcePort: 22 })).to.deep.equal([])
  })

  it('a gateway passes other protocols where nothing is filtered', () => {
    const gateway = new GatewayBench()
    gateway.grant(LAB)
    const gre = (source: string, destination: string) =>
      buildIp({ source, destination, protocol: 47, transport: [0, 0, 8, 0] })
    const out = gateway.handle({ type: 'tunnelPacket', peer: 'ada', packet: gre(ADA.ipv4, '198.51.100.7') })
    expect(out).to.deep.equal(['tun: protocol 47 100.64.0.2 > 198.51.100.7'])
    const back = gateway.handle({
      type: 'tunPackets',
      packets: [gre('198.51.100.7', ADA.ipv4), gre('203.0.113.1', ADA.ipv4)],
    })
    expect(back).to.deep.equal(['ada: protocol 47 198.51.100.7 > 100.64.0.2'])
  })

  it('a gateway bounds the ICMP errors that one client causes', () => {
    const gateway = new GatewayBench()
    let errors = 0
    for (let port = 1; port <= 1_000; port++) {
      errors += gateway.fromClient({ destination: '198.51.100.7', sourcePort: port }).length
    }
    expect(errors).to.equal(100)
    gateway.wait(1_000)
    expect(gateway.fromClient({ destination: '198.51.100.7' })).to.have.length(1)
  })

  it('T7 a gateway brings ICMP errors of the network back, with the MTU', () => {
    const gateway = new GatewayBench()
    gateway.grant(LAB)
    gateway.fromClient({ destination: '198.51.100.7' })
    const about = gateway.packets[0] ?? new Uint8Array(0)
    const tooBig = buildIcmpError({
      source: '198.51.100.1',
      destination: ADA.ipv4,
      type: 3,
      code: 4,
      rest: 1_200,
      about,
    })
    expect(gateway.handle({ type: 'tunPackets', packets: [tooBig] })).to.deep.equal([
      'ada: icmp 3/4 198.51.100.1 > 100.64.0.2 (tcp 100.64.0.2:40000 > 198.51.100.7:443 S)',
    ])
    expect(gateway.packets[0]).to.deep.equal(tooBig)
    const other = buildPacket({ source: ADA.ipv4, destination: '198.51.100.7', sourcePort: 1 })
    const unasked = buildIcmpError({ source: '198.51.100.1', destination: ADA.ipv4, type: 3, code: 4, about: other })
    expect(gateway.handle({ type: 'tunPackets', packets: [unasked] })).to.deep.equal([])
  })

  it('a gateway drops a packet from the network that is for no client', () => {
    const gateway = new GatewayBench()
    expect(gateway.fromNetwork({ source: '198.51.100.7', destination: '100.64.0.9' })).to.deep.equal([])
    expect(gateway.flows.counters()).to.deep.equal({ 'unknown-peer': 1 })
  })

  it('a gateway leaves input bytes as they were', () => {
    const gateway = new GatewayBench()
    gateway.grant(WIKI)
    gateway.assign('wiki', 'a.example.org', { ipv4: ['10.0.0.5'] })
    const packet = buildPacket({ source: ADA.ipv4, destination: PROXY })
    const before = packet.slice()
    gateway.handle({ type: 'tunnelPacket', peer: 'ada', packet })
    gateway.handle({ type: 'tunnelPacket', peer: 'ada', packet })
    expect(gateway.packets).to.have.length(1)
    expect(packet).to.deep.equal(before)
  })
})

describe('the gateway, for a name', () => {
  const ready = (): GatewayBench => {
    const gateway = new GatewayBench()
    gateway.grant(WIKI)
    gateway.assign('wiki', 'a.example.org', { ipv4: ['10.0.0.5'], ipv6: ['2001:db8::5'] })
    return gateway
  }

  it('D10 a gateway resolves a name when the client tells its addresses, says so, and translates', () => {
    const gateway = new GatewayBench()
    gateway.grant(WIKI)
    const told = gateway.frame({ type: 'assignedIps', resource: 'wiki', domain: 'A.example.org', mappedIps: [PROXY] })
    expect(told).to.deep.equal(['resolve 0 a.example.org'])
    expect(gateway.fromClient({ destination: PROXY })[0]).to.contain('icmp 3/13')
    expect(gateway.handle({ type: 'resolved', lookup: 0, ipv4: ['10.0.0.5'], ipv6: [] })).to.deep.equal([
      'ada: A.example.org of wiki is Active',
    ])
    expect(gateway.fromClient({ destination: PROXY })).to.deep.equal(['tun: tcp 100.64.0.2:40000 > 10.0.0.5:443 S'])
    const answer = { source: '10.0.0.5', sourcePort: 443, destinationPort: 40_000, flags: 'SA' }
    expect(gateway.fromNetwork(answer)).to.deep.equal(['ada: tcp 100.96.0.0:443 > 100.64.0.2:40000 SA'])
  })

  it('a gateway maps sorted mapped addresses to sorted records, cyclically by family', () => {
    const gateway = new GatewayBench()
    gateway.grant(WIKI)
    gateway.assign('wiki', 'a.example.org', { ipv4: ['10.0.0.10', '9.0.0.1', '10.0.0.2'], ipv6: ['2001:db8::5'] })
    const reached = [0, 1, 2, 3].map((at) => gateway.fromClient({ destination: `100.96.0.${at}` })[0]?.split(' ')[4])
    expect(reached).to.deep.equal(['9.0.0.1:443', '10.0.0.2:443', '10.0.0.10:443', '9.0.0.1:443'])
    expect(
      gateway.fromClient({ destination: 'fd00:2021:1111:8000::3', kind: 'echoRequest', sourcePort: 9 }),
    ).to.deep.equal(['tun: ping 9 fd00:2021:1111::2 > 2001:db8::5'])
  })

  it('T3 tells two names on one real address apart, from one source port', () => {
    const gateway = ready()
    gateway.assign('wiki', 'b.example.org', { name: 1, ipv4: ['10.0.0.5'] })
    expect(gateway.fromClient({ destination: '100.96.0.0' })).to.deep.equal([
      'tun: tcp 100.64.0.2:40000 > 10.0.0.5:443 S',
    ])
    expect(gateway.fromClient({ destination: '100.96.0.4' })).to.deep.equal([
      'tun: tcp 100.64.0.2:40001 > 10.0.0.5:443 S',
    ])
    const answer = { source: '10.0.0.5', sourcePort: 443, flags: 'SA' }
    expect(gateway.fromNetwork({ ...answer, destinationPort: 40_001 })).to.deep.equal([
      'ada: tcp 100.96.0.4:443 > 100.64.0.2:40000 SA',
    ])
    expect(gateway.fromNetwork({ ...answer, destinationPort: 40_000 })).to.deep.equal([
      'ada: tcp 100.96.0.0:443 > 100.64.0.2:40000 SA',
    ])
  })

  it('T3 tells a name and a network with the same real address apart', () => {
    const gateway = ready()
    gateway.grant(cidr('net', '10.0.0.0/24'))
    expect(gateway.fromClient({ destination: '10.0.0.5' })[0]).to.equal('tun: tcp 100.64.0.2:40000 > 10.0.0.5:443 S')
    expect(gateway.fromClient({ destination: PROXY })[0]).to.equal('tun: tcp 100.64.0.2:40001 > 10.0.0.5:443 S')
    expect(
      gateway.fromNetwork({ source: '10.0.0.5', sourcePort: 443, destinationPort: 40_001, flags: 'SA' }),
    ).to.deep.equal(['ada: tcp 100.96.0.0:443 > 100.64.0.2:40000 SA'])
  })

  it('a gateway takes mapped addresses for those of the name that the client gave them to last, and open connections stay', () => {
    const gateway = new GatewayBench()
    gateway.grant(dns('old', 'old.example.org'))
    gateway.grant(dns('new', '**.example.net'))
    gateway.assign('old', 'old.example.org', { ipv4: ['10.0.0.5'] })
    expect(gateway.fromClient({ destination: PROXY })).to.deep.equal(['tun: tcp 100.64.0.2:40000 > 10.0.0.5:443 S'])
    gateway.assign('new', 'new.example.net', { ipv4: ['10.0.0.6'] })
    expect(gateway.fromClient({ destination: PROXY, sourcePort: 40_001 })).to.deep.equal([
      'tun: tcp 100.64.0.2:40001 > 10.0.0.6:443 S',
    ])
    expect(gateway.fromClient({ destination: PROXY, flags: 'A' })).to.deep.equal([
      'tun: tcp 100.64.0.2:40000 > 10.0.0.5:443 A',
    ])
  })

  it('D9 a grant of a name gives no access to another name on the same real address, nor to the address itself', () => {
    const gateway = new GatewayBench()
    gateway.grant(dns('wiki', 'wiki.example.org'))
    gateway.assign('wiki', 'wiki.example.org', { ipv4: ['10.0.0.5'] })
    expect(gateway.assign('wiki', 'shop.example.org', { name: 1, ipv4: ['10.0.0.5'] })).to.deep.equal([
      'ada: shop.example.org of wiki is Inactive',
    ])
    prohibited(gateway, '100.96.0.4')
    prohibited(gateway, '10.0.0.5')
  })

  it('D10 a gateway keeps the real address of established flows when the name moves, and uses the new one for new flows', () => {
    const gateway = ready()
    gateway.fromClient({ destination: PROXY, sourcePort: 1 })
    gateway.fromNetwork({ source: '10.0.0.5', sourcePort: 443, destinationPort: 1, flags: 'SA' })
    gateway.assign('wiki', 'a.example.org', { ipv4: ['10.0.0.77'] })
    expect(gateway.fromClient({ destination: PROXY, sourcePort: 1, flags: 'A' })[0]).to.contain('> 10.0.0.5:443')
    expect(gateway.fromNetwork({ source: '10.0.0.5', sourcePort: 443, destinationPort: 1, flags: 'A' })).to.have.length(
      1,
    )
    expect(gateway.fromClient({ destination: PROXY, sourcePort: 2 })[0]).to.contain('> 10.0.0.77:443')
  })

  it('D11 a gateway says unreachable at once for a family without a record', () => {
    const gateway = new GatewayBench()
    gateway.grant(WIKI)
    gateway.assign('wiki', 'a.example.org', { ipv4: ['10.0.0.5'] })
    expect(gateway.fromClient({ destination: PROXY6 })[0]).to.contain(`ada: icmp 1/3 ${PROXY6} > ${ADA.ipv6}`)
    gateway.assign('wiki', 'a.example.org', { ipv6: ['2001:db8::5'] })
    expect(gateway.fromClient({ destination: PROXY })[0]).to.contain(`ada: icmp 3/1 ${PROXY} > ${ADA.ipv4}`)
    expect(gateway.fromClient({ destination: PROXY6 })[0]).to.contain('tun: ')
    expect(gateway.flows.counters()).to.include({ 'no-record': 2 })
  })

  it('D11 a gateway keeps the addresses of a family that nobody answered for, beside one that was answered', () => {
    const gateway = new GatewayBench()
    gateway.grant(WIKI)
    gateway.assign('wiki', 'a.example.org', { ipv4: ['10.0.0.5'], ipv6: ['2001:db8::5'] })
    gateway.frame({ type: 'assignedIps', resource: 'wiki', domain: 'a.example.org', mappedIps: [PROXY, PROXY6] })
    gateway.handle({ type: 'resolved', lookup: 1, ipv4: ['10.0.0.6'], ipv6: [], unanswered: 'ipv6' })
    expect(gateway.fromClient({ destination: PROXY6, sourcePort: 9 })[0]).to.contain('2001:db8::5')
    expect(gateway.fromClient({ destination: PROXY, sourcePort: 9 })[0]).to.contain('10.0.0.6')
  })

  it('a gateway keeps a name’s addresses when nobody answers, and is Inactive where it has none', () => {
    const gateway = ready()
    gateway.frame({ type: 'assignedIps', resource: 'wiki', domain: 'a.example.org', mappedIps: [PROXY] })
    expect(gateway.handle({ type: 'resolved', lookup: 1, ipv4: [], ipv6: [], failed: true })).to.deep.equal([
      'ada: a.example.org of wiki is Active',
    ])
    expect(gateway.fromClient({ destination: PROXY })[0]).to.contain('tun: ')
    gateway.frame({ type: 'assignedIps', resource: 'wiki', domain: 'b.example.org', mappedIps: ['100.96.0.9'] })
    expect(gateway.handle({ type: 'resolved', lookup: 2, ipv4: [], ipv6: [], failed: true })).to.deep.equal([
      'ada: b.example.org of wiki is Inactive',
    ])
  })

  it('a name never leads to a tunnel address, the gateway itself or its cloud, whatever its records say', () => {
    const gateway = new GatewayBench()
    gateway.grant(WIKI)
    const ipv4 = [BOB.ipv4, '127.0.0.1', '169.254.169.254', '224.0.0.1', '0.0.0.0', '100.96.0.1']
    gateway.assign('wiki', 'a.example.org', { ipv4, ipv6: [BOB.ipv6, '::1', 'fe80::1', '::ffff:10.0.0.1', 'not one'] })
    expect(gateway.fromClient({ destination: PROXY })[0]).to.contain('icmp 3/1')
    expect(gateway.fromClient({ destination: PROXY6 })[0]).to.contain('icmp 1/3')
  })

  it('P7 a gateway is Inactive for a foreign resource, a name that does not match, and addresses that are not mapped ones', () => {
    const gateway = new GatewayBench()
    gateway.grant(WIKI)
    gateway.grant(LAB)
    expect(gateway.assign('other', 'a.example.org')).to.deep.equal(['ada: a.example.org of other is Inactive'])
    expect(gateway.assign('lab', 'a.example.org')).to.deep.equal(['ada: a.example.org of lab is Inactive'])
    expect(gateway.assign('wiki', 'example.com')).to.deep.equal(['ada: example.com of wiki is Inactive'])
    const stolen = { type: 'assignedIps', resource: 'wiki', domain: 'a.example.org', mappedIps: ['10.0.0.1'] } as const
    expect(gateway.frame(stolen)).to.deep.equal(['ada: a.example.org of wiki is Inactive'])
  })

  it('P7 a gateway keeps the filters of each resource when a client gives one address to names of two', () => {
    const gateway = new GatewayBench()
    gateway.grant(dns('a', 'a.example.org', tcp(443)))
    gateway.grant(dns('b', 'b.example.org', tcp(80)))
    const to = (sourcePort: number, destinationPort: number) =>
      gateway.fromClient({ destination: PROXY, sourcePort, destinationPort })[0]
    gateway.assign('a', 'a.example.org', { ipv4: ['10.0.0.1'] })
    expect(to(1, 443)).to.contain('> 10.0.0.1:443')
    gateway.assign('b', 'b.example.org', { ipv4: ['10.0.0.2'] })
    expect(to(2, 80)).to.contain('> 10.0.0.2:80')
    expect(to(3, 443), 'of the name that had the address before').to.contain('icmp 3/13')
    // An open flow to one name does not lead to the other name's port.
    expect(to(1, 80)).not.to.contain('10.0.0.1:80')
  })

  it('T7 a gateway brings ICMP errors back through NAT, as from the mapped address, quoting the packet as the client wrote it', () => {
    const gateway = ready()
    gateway.assign('wiki', 'b.example.org', { name: 1, ipv4: ['10.0.0.5'], ipv6: ['2001:db8::5'] })
    for (const { destination, router, type, own } of [
      { destination: '100.96.0.4', router: '10.0.0.254', type: 3, own: ADA.ipv4 },
      { destination: 'fd00:2021:1111:8000::4', router: '2001:db8::fe', type: 2, own: ADA.ipv6 },
    ]) {
      gateway.fromClient({ destination: destination === '100.96.0.4' ? PROXY : PROXY6, kind: 'udp' })
      gateway.fromClient({ destination, kind: 'udp', payload: new Uint8Array(50) })
      const about = gateway.packets[0] ?? new Uint8Array(0)
      const error = buildIcmpError({ source: router, destination: own, type, code: 0, rest: 1_280, about })
      const back = gateway.handle({ type: 'tunPackets', packets: [error] })
      const asSent = own === ADA.ipv4 ? `${own}:40000 > ${destination}:443` : `[${own}]:40000 > [${destination}]:443`
      expect(back).to.deep.equal([`ada: icmp ${type}/0 ${destination} > ${own} (udp ${asSent})`])
      const damaged = error.slice()
      damaged[damaged.length - 1] = 1
      expect(gateway.handle({ type: 'tunPackets', packets: [damaged] })).to.deep.equal([])
    }
  })

  it('T7 a gateway carries ECN and DSCP through', () => {
    const gateway = ready()
    gateway.fromClient({ destination: PROXY, trafficClass: 0xb9 })
    expect(gateway.packets[0]?.[1]).to.equal(0xb9)
    gateway.fromNetwork({ source: '10.0.0.5', sourcePort: 443, destinationPort: 40_000, trafficClass: 3 })
    expect(gateway.packets[0]?.[1]).to.equal(3)
  })

  it('a gateway translates TCP, UDP and echo only', () => {
    const gateway = ready()
    const gre = buildIp({ source: ADA.ipv4, destination: PROXY, protocol: 47, transport: [0, 0, 8, 0] })
    expect(gateway.handle({ type: 'tunnelPacket', peer: 'ada', packet: gre })).to.deep.equal([])
    expect(gateway.fromClient({ destination: PROXY, kind: 'echoReply' })).to.deep.equal([])
    expect(gateway.flows.counters()).to.deep.equal({ 'nat-protocol': 2 })
  })

  it('a gateway forgets a translated flow when its time is over', () => {
    const gateway = ready()
    gateway.fromClient({ destination: PROXY, kind: 'udp' })
    const answer = { source: '10.0.0.5', kind: 'udp' as const, sourcePort: 443, destinationPort: 40_000 }
    gateway.wait(59_999)
    expect(gateway.fromNetwork(answer)).to.have.length(1)
    gateway.wait(120_000)
    expect(gateway.fromNetwork(answer)).to.deep.equal([])
    gateway.wait(60_000)
    expect(gateway.machine.deadline()).to.equal(undefined)
  })

  it('a gateway asks once for a name while it waits, and for a bounded number of names', () => {
    const gateway = new GatewayBench()
    gateway.grant(WIKI)
    const ask = (domain: string) => gateway.frame({ type: 'assignedIps', resource: 'wiki', domain, mappedIps: [PROXY] })
    expect(ask('a.example.org')).to.have.length(1)
    expect(ask('a.example.org')).to.have.length(0)
    for (let at = 0; at < 100; at++) ask(`n${at}.example.org`)
    expect(gateway.flows.counters()).to.deep.equal({ 'lookup-waiting': 1, 'lookups-exhausted': 37 })
    gateway.wait(10_000)
    expect(ask('a.example.org')).to.have.length(1)
  })

  it('a gateway drops a late answer about a name for a grant that is gone', () => {
    const gateway = new GatewayBench()
    gateway.grant(LAB)
    gateway.grant(WIKI)
    gateway.frame({ type: 'assignedIps', resource: 'wiki', domain: 'a.example.org', mappedIps: [PROXY] })
    gateway.handle({ type: 'withdrawn', peer: 'ada', resourceId: 'wiki' })
    expect(gateway.handle({ type: 'resolved', lookup: 0, ipv4: ['10.0.0.5'], ipv6: [] })).to.deep.equal([
      'ada: a.example.org of wiki is Inactive',
    ])
    expect(gateway.handle({ type: 'resolved', lookup: 0, ipv4: ['10.0.0.5'], ipv6: [] })).to.deep.equal([])
    prohibited(gateway, PROXY)
  })
})

describe('the gateway, for the Internet', () => {
  it('T8 a gateway carries public traffic only for the Internet resource', () => {
    const gateway = new GatewayBench()
    gateway.grant(internet('all'))
    expect(gateway.fromClient({ destination: '192.0.2.80' })[0]).to.contain('tun: ')
    expect(gateway.fromClient({ destination: '2001:db8::80' })[0]).to.contain('tun: ')
    for (const destination of ['10.0.0.1', '127.0.0.1', '169.254.1.1', '192.168.1.1', '240.0.0.1', '100.128.0.1']) {
      const isPublic = destination === '100.128.0.1'
      expect(gateway.fromClient({ destination })[0], destination).to.contain(isPublic ? 'tun: ' : 'ada: icmp 3/1')
    }
    for (const destination of [
      '::1',
      'fe80::1',
      'fd12::1',
      '::ffff:10.0.0.1',
      '64:ff9b::a00:5',
      '2002:a00:5::1',
      'fec0::1',
    ]) {
      expect(gateway.fromClient({ destination })[0], destination).to.contain('ada: icmp 1/3')
    }
    gateway.grant(cidr('net', '10.0.0.0/8'))
    expect(gateway.fromClient({ destination: '10.0.0.1' })[0]).to.contain('tun: ')
    expect(gateway.fromClient({ destination: PROXY })[0]).to.contain('ada: icmp 3/13')
  })

  it('T8 a grant of a network around a metadata service does not reach that service, however its address is written', () => {
    const gateway = new GatewayBench()
    const networks = ['168.0.0.0/6', 'fd00::/9', '64:ff9b::/96', '64:ff9b:1::/48', '2002::/16', '2001::/16']
    for (const [at, network] of networks.entries()) gateway.grant(cidr(`net ${at}`, network))
    gateway.grant(internet('all'))
    const spellings = [...spellingsOf('169.254.169.254'), ...spellingsOf('168.63.129.16')]
    for (const destination of ['169.254.169.254', '168.63.129.16', 'fd00:ec2::254', 'fd20:ce::254', ...spellings]) {
      expect(gateway.fromClient({ destination })[0], destination).to.contain('ada: icmp')
    }
    for (const destination of ['168.63.129.17', 'fd00:ec3::1', '64:ff9b::10.0.0.5', '2002:a00:5::1']) {
      expect(gateway.fromClient({ destination })[0], destination).to.contain('tun: ')
    }
    gateway.grant(cidr('azure', '168.63.129.16/32'))
    expect(gateway.fromClient({ destination: '168.63.129.16' })[0]).to.contain('tun: ')
  })

  it('T8 the Internet resource does not lead to the gateway’s own machine, from the moment that an address is its own', () => {
    const gateway = new GatewayBench()
    gateway.grant(internet('all'))
    const own = ['198.51.100.7', '2001:db8:1::7']
    const reaches = (destination: string) => gateway.fromClient({ destination })[0]
    for (const destination of own) expect(reaches(destination)).to.contain('tun: ')
    gateway.handle({ type: 'ownAddressesChanged', addresses: own })
    expect(reaches('198.51.100.7')).to.contain('ada: icmp 3/1 ')
    expect(reaches('2001:db8:1::7')).to.contain('ada: icmp 1/3 ')
    const answer = { source: '198.51.100.7', sourcePort: 443, destinationPort: 40_000, flags: 'A' }
    expect(gateway.fromNetwork(answer)).to.deep.equal([])
    expect(reaches('198.51.100.8')).to.contain('tun: ')
    expect(gateway.flows.counters()).to.deep.equal({ 'not-internet': 2, 'no-flow': 1 })
    // A resource of its own gives access to the gateway's machine.
    gateway.grant(cidr('machine', '198.51.100.7/32', tcp(443)))
    expect(reaches('198.51.100.7')).to.contain('tun: ')
    expect(gateway.fromClient({ destination: '198.51.100.7', destinationPort: 22 })[0]).to.contain('ada: icmp 3/13')
    gateway.handle({ type: 'ownAddressesChanged', addresses: [] })
    expect(reaches('2001:db8:1::7')).to.contain('tun: ')
  })
})

describe('a grant at the gateway', () => {
  const answer = { source: '198.51.100.7', sourcePort: 443, destinationPort: 40_000, flags: 'A' }

  it('P3 a grant expires to the millisecond, with its flows, in both directions', () => {
    const gateway = new GatewayBench()
    gateway.grant(WIKI)
    gateway.grant(LAB, { expiresIn: 5_000 })
    expect(gateway.machine.deadline()).to.deep.equal({ at: 6_000, reason: 'grant expires' })
    gateway.fromClient({ destination: '198.51.100.7' })
    gateway.fromNetwork(answer)
    expect(gateway.wait(4_999)).to.deep.equal([])
    expect(gateway.fromNetwork(answer)).to.have.length(1)
    // No wake-up has come before: a packet at the very moment of expiry finds the grant expired.
    gateway.now += 1
    expect(gateway.fromNetwork(answer)).to.deep.equal(['expired ada lab'])
    prohibited(gateway, '198.51.100.7')
    gateway.grant(LAB)
    expect(gateway.fromNetwork(answer)).to.deep.equal([])
  })

  it('a gateway says goodbye to a peer when its last grant expires', () => {
    const gateway = new GatewayBench()
    gateway.grant(LAB, { expiresIn: 5_000 })
    expect(gateway.wait(5_000)).to.deep.equal(['ada: goodbye', 'removePeer ada', 'expired ada lab'])
    expect(gateway.fromClient({ destination: '198.51.100.7' })).to.deep.equal([])
  })

  it('P6 a grant is withdrawn at once and acknowledged, also where it was not held', () => {
    const gateway = new GatewayBench()
    gateway.grant(WIKI)
    gateway.grant(LAB)
    gateway.fromClient({ destination: '198.51.100.7' })
    const withdrawal = { type: 'withdrawn', peer: 'ada', resourceId: 'lab' } as const
    expect(gateway.handle(withdrawal)).to.deep.equal(['withdrawn ada lab'])
    expect(gateway.fromNetwork(answer)).to.deep.equal([])
    prohibited(gateway, '198.51.100.7')
    expect(gateway.handle(withdrawal)).to.deep.equal(['withdrawn ada lab'])
    expect(gateway.handle({ ...withdrawal, peer: 'nobody' })).to.deep.equal(['withdrawn nobody lab'])
    expect(gateway.handle({ ...withdrawal, resourceId: 'wiki' })).to.deep.equal([
      'ada: goodbye',
      'removePeer ada',
      'withdrawn ada wiki',
    ])
  })

  it('P6 a withdrawal leaves flows alone that another grant covers', () => {
    const gateway = new GatewayBench()
    gateway.grant(LAB)
    gateway.grant(cidr('host', '198.51.100.7/32'))
    gateway.fromClient({ destination: '198.51.100.7' })
    gateway.fromNetwork(answer)
    gateway.handle({ type: 'withdrawn', peer: 'ada', resourceId: 'host' })
    expect(gateway.fromNetwork(answer)).to.have.length(1)
    gateway.grant(dns('one', 'a.example.org'))
    gateway.grant(WIKI)
    gateway.assign('one', 'a.example.org', { ipv4: ['10.0.0.5'] })
    gateway.assign('wiki', 'a.example.org', { ipv4: ['10.0.0.6'] })
    gateway.fromClient({ destination: PROXY, sourcePort: 7 })
    gateway.handle({ type: 'withdrawn', peer: 'ada', resourceId: 'one' })
    expect(gateway.fromClient({ destination: PROXY, sourcePort: 7, flags: 'A' })[0]).to.contain('> 10.0.0.5:443')
  })

  it('a grant may be extended and shortened', () => {
    const gateway = new GatewayBench()
    gateway.grant(LAB, { expiresIn: 5_000 })
    gateway.grant(LAB, { expiresIn: 50_000 })
    expect(gateway.wait(6_000)).to.deep.equal([])
    expect(gateway.fromClient({ destination: '198.51.100.7' })[0]).to.contain('tun: ')
    gateway.grant(LAB, { expiresIn: 1_000 })
    expect(gateway.wait(1_000)).to.include('expired ada lab')
  })

  it('a grant that has expired when it comes gives nothing', () => {
    const gateway = new GatewayBench()
    expect(gateway.grant(LAB, { expiresIn: 0 })).to.include('expired ada lab')
    expect(gateway.fromClient({ destination: '198.51.100.7' })).to.deep.equal([])
  })

  it('a grant takes over changed filters, which cut the flows that they refuse', () => {
    const gateway = new GatewayBench()
    gateway.grant(LAB)
    gateway.fromClient({ destination: '198.51.100.7' })
    gateway.fromNetwork(answer)
    gateway.handle({ type: 'resourceUpdated', resource: cidr('lab', '0.0.0.0/0', tcp(22)) })
    expect(gateway.fromNetwork(answer)).to.deep.equal([])
    expect(gateway.fromClient({ destination: '198.51.100.7', destinationPort: 443 })[0]).to.contain('icmp 3/13')
    expect(gateway.fromClient({ destination: '198.51.100.7', destinationPort: 22 })[0]).to.contain('tun: ')
    prohibited(gateway, '203.0.113.1')
  })

  it('P6 grants are resynchronised: those that are not listed go, and listed ones that are not held do not come', () => {
    const gateway = new GatewayBench()
    gateway.handle({ type: 'peerAdded', peer: 'bob', ...BOB })
    gateway.grant(LAB)
    gateway.grant(WIKI)
    gateway.grant(LAB, { peer: 'bob' })
    const grants = [
      { peer: 'ada', resourceId: 'lab', expiresAt: instant(gateway.now + 3_000) },
      { peer: 'ada', resourceId: 'other' },
    ]
    expect(gateway.handle({ type: 'retainOnly', grants })).to.deep.equal(['bob: goodbye', 'removePeer bob'])
    expect(gateway.assign('wiki', 'a.example.org')).to.deep.equal(['ada: a.example.org of wiki is Inactive'])
    expect(gateway.fromClient({ destination: '198.51.100.7' })[0]).to.contain('tun: ')
    expect(gateway.wait(3_000)).to.include('expired ada lab')
  })

  it('a grant stays when the peer is added again, and goes with other addresses or a goodbye', () => {
    const gateway = new GatewayBench()
    gateway.grant(LAB)
    gateway.handle({ type: 'peerAdded', peer: 'ada', ...ADA })
    expect(gateway.fromClient({ destination: '198.51.100.7' })[0]).to.contain('tun: ')
    expect(gateway.frame({ type: 'goodbye' })).to.deep.equal(['removePeer ada'])
    expect(gateway.fromClient({ destination: '198.51.100.7' })).to.deep.equal([])
    gateway.handle({ type: 'peerAdded', peer: 'ada', ...ADA })
    gateway.grant(LAB)
    gateway.handle({ type: 'peerAdded', peer: 'ada', ...BOB })
    expect(gateway.fromClient({ destination: '198.51.100.7', source: BOB.ipv4 })[0]).to.contain('icmp 3/13')
  })
})
