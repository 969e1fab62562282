import { expect } from 'chai'
import * as fc from 'fast-check'
import { beforeEach, describe, it } from 'mocha'
import { parsePrefix } from '../../../core/net/prefix.ts'
import { endpoint, type Endpoint } from '../../../core/runtime/endpoint.ts'
import { MINUTE, SECOND } from '../../../core/runtime/time.ts'
import { readXorAddress } from '../../../core/stun/stun-attributes.ts'
import { encodeBinding } from '../../../core/stun/stun-binding.ts'
import { BINDING, encodeStun, encodeWithoutFingerprint } from '../../../core/stun/stun-message.ts'
import type { ClientWay } from '../../../core/turn/allocation.ts'
import { encodeChannelData } from '../../../core/turn/channel-data.ts'
import { ALLOCATE, REFRESH, requestedUdp, XOR_RELAYED_ADDRESS } from '../../../core/turn/turn-attributes.ts'
import { spellingsOf } from '../../kit/ipv4-spellings.ts'
import { credentialsOf, RELAY_V4, RELAY_V6, TurnBench, TurnClient } from '../../kit/turn-bench.ts'

const MALLORY: ClientWay = { listener: 0, source: '192.0.2.66:52625' }
const PEER = endpoint('198.51.100.20', 4000)
const HELLO = new TextEncoder().encode('hello')
/** Bytes of an IPv4 and a UDP header, which count where a flood is amplified. */
const HEADERS = 28

/** Places to which a relay sends nothing, however they are spelled. */
const FORBIDDEN: readonly (readonly [string, Endpoint])[] = [
  ['loopback', endpoint('127.0.0.1', 4000)],
  ['loopback in the middle of its range', endpoint('127.53.0.1', 4000)],
  ['loopback of IPv6', endpoint('::1', 4000)],
  ['link-local', endpoint('169.254.1.1', 4000)],
  ['link-local of IPv6', endpoint('fe80::1', 4000)],
  ['the metadata service', endpoint('169.254.169.254', 4000)],
  ['the metadata service of IPv6', endpoint('fd00:ec2::254', 4000)],
  ['another metadata service', endpoint('168.63.129.16', 4000)],
  ['a private network', endpoint('10.1.2.3', 4000)],
  ['a private network', endpoint('172.16.0.1', 4000)],
  ['a private network', endpoint('192.168.1.1', 4000)],
  ['a private network of IPv6', endpoint('fd12:3456::1', 4000)],
  ['a tunnel address', endpoint('100.64.0.1', 4000)],
  ['a mapped address', endpoint('100.96.0.1', 4000)],
  ['a tunnel address of IPv6', endpoint('fd00:2021:1111::1', 4000)],
  ['multicast', endpoint('224.0.0.251', 5353)],
  ['multicast of IPv6', endpoint('ff02::1', 4000)],
  ['broadcast', endpoint('255.255.255.255', 4000)],
  ['the unspecified address', endpoint('0.0.0.0', 4000)],
  ['the unspecified address of IPv6', endpoint('::', 4000)],
  ['an IPv4-mapped public address', endpoint('::ffff:198.51.100.20', 4000)],
  ['an IPv4-mapped private address', endpoint('::ffff:10.1.2.3', 4000)],
  ['an IPv4-compatible address', endpoint('::10.1.2.3', 4000)],
  ['a private address behind NAT64', endpoint('64:ff9b::a01:203', 4000)],
  ['loopback behind 6to4', endpoint('2002:7f00:1::', 4000)],
  ['port 0', endpoint('198.51.100.20', 0)],
  ['the door of another relay', endpoint('198.51.100.20', 3478)],
  ['an own service', endpoint(RELAY_V4, 53)],
  ['an own service in IPv6', endpoint(RELAY_V6, 443)],
  ['an own service at another own address', endpoint('203.0.113.10', 4000)],
  ['an own service behind NAT64', endpoint('64:ff9b::203.0.113.10', 4000)],
  ['an own service behind a NAT64 of the site', endpoint('64:ff9b:1::203.0.113.10', 4000)],
  ['an own service behind 6to4', endpoint('2002:cb00:710a::', 4000)],
  ['an own service behind ISATAP', endpoint('2001:db8::5efe:203.0.113.10', 4000)],
  ['a relayed port behind NAT64', endpoint(`64:ff9b::${RELAY_V4}`, 50_001)],
  ['a private address behind ISATAP', endpoint('2001:db8::5efe:10.1.2.3', 4000)],
  ['an end of Teredo', endpoint('2001:0:c633:6414::1', 4000)],
]

describe('attacks on a TURN relay', () => {
  let bench: TurnBench
  let mallory: TurnClient

  const clientAt = (way: ClientWay, name: string = way.source): TurnClient =>
    new TurnClient({ ...credentialsOf(name), exchange: (bytes) => bench.receive(way, bytes) })

  const at = (number: number): ClientWay => ({ listener: 0, source: endpoint('192.0.2.66', 10_000 + number) })

  /** Accounts of the names of this file: what is before the dash. */
  const accounts = new Map(
    ['mallory-1', 'mallory-2', 'mallory-3', 'mallory-4', 'ada-1'].map((name) => [
      credentialsOf(name).username,
      name.slice(0, -2),
    ]),
  )
  const accountOf = (username: string): string | undefined => accounts.get(username)

  beforeEach(() => {
    bench = new TurnBench()
    bench.tell({ type: 'ownAddressesChanged', addresses: ['203.0.113.10', '127.0.0.1'] })
    mallory = clientAt(MALLORY)
  })

  for (const [what, peer] of FORBIDDEN) {
    it(`H10 nothing is sent to ${what}, ${peer}`, () => {
      mallory.allocateBoth()
      expect(mallory.bind(0x4000, peer)?.code).to.equal(403)
      mallory.permit(peer)
      mallory.sendChannel(0x4000, HELLO)
      mallory.sendIndication(peer, HELLO)
      expect(bench.toPeers).to.deep.equal([])
    })
  }

  for (const address of spellingsOf('10.1.2.3')) {
    it(`H10 nothing is sent to a private address in the spelling ${address}`, () => {
      mallory.allocateBoth()
      expect(mallory.permit(endpoint(address, 4000))?.code).to.equal(403)
      expect(mallory.bind(0x4000, endpoint(address, 4000))?.code).to.equal(403)
    })
  }

  it('H10 a permission for a forbidden address is refused with those that it was asked for with', () => {
    const answer = mallory.allocate()
    const relayed = answer && readXorAddress(answer.message, XOR_RELAYED_ADDRESS)
    expect(mallory.permit(PEER, endpoint('10.0.0.1', 1))?.code).to.equal(403)
    expect(relayed && bench.receiveAt(relayed, PEER, HELLO)).to.deep.equal([])
  })

  it('H10 what the configuration permits is permitted as it is written, and nothing else of that kind', () => {
    const permitted = ['10.1.0.0/16', '::/0', '127.0.0.0/8'].flatMap((text) => parsePrefix(text) ?? [])
    bench = new TurnBench({ permittedPeers: permitted })
    mallory.allocateBoth()
    expect(mallory.permit(endpoint('10.1.2.3', 1), endpoint('127.0.0.1', 1))?.code).to.equal(undefined)
    expect(mallory.permit(endpoint('10.2.2.3', 1))?.code).to.equal(403)
    expect(mallory.permit(endpoint('::ffff:10.2.2.3', 1))?.code).to.equal(403)
    expect(mallory.permit(endpoint('ff02::1', 1))?.code).to.equal(403)
  })

  it('H10 a wide prefix of the configuration permits no loopback, link-local, metadata or tunnel address within', () => {
    const permitted = ['0.0.0.0/0', 'fd00::/8', '64:ff9b::/96'].flatMap((text) => parsePrefix(text) ?? [])
    bench = new TurnBench({ permittedPeers: permitted })
    mallory.allocateBoth()
    const codeOf = (address: string): number | undefined => mallory.permit(endpoint(address, 1))?.code
    expect(['10.2.2.3', 'fd12:3456::1', '64:ff9b::10.2.2.3'].map(codeOf)).to.deep.equal([
      undefined,
      undefined,
      undefined,
    ])
    for (const address of [
      '127.0.0.1',
      '169.254.169.254',
      '168.63.129.16',
      '100.64.0.1',
      'fd00:ec2::253',
      'fd00:2021:1111::1',
      '64:ff9b::169.254.169.254',
    ])
      expect(codeOf(address), address).to.equal(403)
    bench = new TurnBench({ permittedPeers: ['fd00:ec2::253/128'].flatMap((text) => parsePrefix(text) ?? []) })
    mallory.allocateBoth()
    expect(['fd00:ec2::253', 'fd00:ec2::254'].map(codeOf)).to.deep.equal([undefined, 403])
  })

  it('H10 another one than the allocation’s client can neither use nor end it', () => {
    mallory.allocate()
    mallory.bind(0x4000, PEER)
    const elsewhere = at(1)
    expect(bench.receive(elsewhere, encodeChannelData(0x4000, HELLO))).to.deep.equal([])
    expect(bench.receive({ ...MALLORY, listener: 1 }, encodeChannelData(0x4000, HELLO))).to.deep.equal([])
    expect(bench.toPeers).to.deep.equal([])
    const other = clientAt(elsewhere, MALLORY.source)
    expect(other.refresh(0)?.code).to.equal(437)
    expect(bench.relay.allocations).to.equal(1)
  })

  it('H10 a user name has four allocations at most; those whose client is silent for a minute make room', () => {
    const clients = Array.from({ length: 5 }, (_, number) => clientAt(at(number), 'mallory'))
    expect(clients.map((client) => client.allocate()?.code)).to.deep.equal([
      undefined,
      undefined,
      undefined,
      undefined,
      486,
    ])
    bench.pass(50 * SECOND)
    for (const client of clients.slice(1, 4)) client.refresh()
    bench.pass(10 * SECOND)
    expect(clients[4]?.allocate()?.code).to.equal(undefined)
    expect(clients[0]?.refresh()?.code).to.equal(437)
    expect(bench.relay.allocations).to.equal(4)
  })

  it('H10 all user names together have so many allocations; one more is answered 508, and those that are there stay', () => {
    bench = new TurnBench({ limits: { total: 2 } })
    const clients = [1, 2, 3].map((number) => clientAt(at(number)))
    expect(clients.map((client) => client.allocate()?.code)).to.deep.equal([undefined, undefined, 508])
    expect(clients[0]?.refresh()?.code).to.equal(undefined)
  })

  it('H10 an account has so many allocations, by whatever user names; others have theirs, and one that ends makes room', () => {
    bench = new TurnBench({ limits: { perAccount: 2 }, accountOf })
    const [first, ...others] = [1, 2, 3, 4].map((number) => clientAt(at(number), `mallory-${number}`))
    expect([first, ...others].map((client) => client?.allocate()?.code)).to.deep.equal([undefined, undefined, 486, 486])
    expect(clientAt(at(5), 'ada-1').allocate()?.code).to.equal(undefined)
    expect(bench.relay.counters()).to.include({ 'account-allocations': 2 })
    expect(bench.full, 'said once').to.deep.equal(['mallory allocations'])
    expect(first?.refresh(0)?.code).to.equal(undefined)
    expect(others[1]?.allocate()?.code).to.equal(undefined)
    expect(others[2]?.allocate()?.code).to.equal(486)
    bench.pass(10 * MINUTE)
    expect(bench.relay.allocations).to.equal(0)
    expect(others[2]?.allocate()?.code).to.equal(undefined)
  })

  it('H10 user names without an account have the allocations of one account together', () => {
    bench = new TurnBench({ limits: { perAccount: 2 }, accountOf: () => undefined })
    expect([1, 2, 3].map((number) => clientAt(at(number)).allocate()?.code)).to.deep.equal([undefined, undefined, 486])
  })

  it('H10 an account sends and receives so many bytes a second; what is more is dropped, and others are forwarded', () => {
    bench = new TurnBench({ limits: { accountBytesPerSecond: 100_000 }, accountOf })
    const data = new Uint8Array(1_000)
    const [one, two, ada] = ['mallory-1', 'mallory-2', 'ada-1'].map((name, number) => clientAt(at(number), name))
    const relayed = [one, two, ada].map((client) => {
      const answer = client?.allocate()
      client?.bind(0x4000, PEER)
      return (answer && readXorAddress(answer.message, XOR_RELAYED_ADDRESS)) ?? PEER
    })
    const forwarded = (): number => bench.toPeers.splice(0).length
    for (let count = 0; count < 300; count++) {
      one?.sendChannel(0x4000, data)
      two?.sendIndication(PEER, data)
    }
    // The burst of 262,144 bytes is the account's, not the client's.
    expect(forwarded()).to.equal(262)
    expect(bench.receiveAt(relayed[0] ?? PEER, PEER, data), 'towards it').to.deep.equal([])
    expect(bench.relay.counters()).to.include({ 'account-bandwidth': 339 })
    ada?.sendChannel(0x4000, data)
    expect(bench.receiveAt(relayed[2] ?? PEER, PEER, data)).to.have.length(1)
    expect(forwarded(), 'of another account').to.equal(1)
    expect(bench.full, 'said once').to.deep.equal(['mallory bandwidth'])
    expect(one?.refresh()?.code, 'requests are no data').to.equal(undefined)
    bench.pass(1 * SECOND)
    for (let count = 0; count < 300; count++) one?.sendChannel(0x4000, data)
    expect(forwarded()).to.equal(100)
    // An allocation that is made anew has what the account has left.
    for (const client of [one, two]) client?.refresh(0)
    one?.allocate()
    one?.bind(0x4000, PEER)
    for (let count = 0; count < 300; count++) one?.sendChannel(0x4000, data)
    expect(forwarded()).to.equal(0)
  })

  it('H10 data of strangers at its relayed port uses nothing of what an account may send', () => {
    bench = new TurnBench({ limits: { accountBytesPerSecond: 100_000 }, accountOf })
    const ada = clientAt(at(1), 'ada-1')
    const answer = ada.allocate()
    const relayed = (answer && readXorAddress(answer.message, XOR_RELAYED_ADDRESS)) ?? PEER
    ada.bind(0x4000, PEER)
    for (let count = 0; count < 300; count++)
      bench.receiveAt(relayed, endpoint('198.51.100.21', 4000), new Uint8Array(1_000))
    expect(bench.receiveAt(relayed, PEER, HELLO)).to.have.length(1)
    expect(bench.relay.counters()).to.include({ 'no-permission': 300 })
  })

  it('H10 channels and permissions have bounds, for one allocation and for all, and renewals need no room', () => {
    bench = new TurnBench({ limits: { peers: 6, peersPerAllocation: 4 } })
    const [one, two] = [clientAt(at(1)), clientAt(at(2))]
    const peerOf = (number: number): Endpoint => endpoint(`198.51.100.${number}`, 4000)
    for (const client of [one, two]) client.allocate()
    expect([1, 2, 3].map((number) => one.bind(0x4000 + number, peerOf(number))?.code)).to.deep.equal([
      undefined,
      undefined,
      508,
    ])
    expect([1, 2].map((number) => two.bind(0x4000 + number, peerOf(number))?.code)).to.deep.equal([undefined, 508])
    expect(one.bind(0x4001, peerOf(1))?.code).to.equal(undefined)
    bench.pass(9 * MINUTE)
    for (const client of [one, two]) client.refresh()
    bench.pass(2 * MINUTE)
    expect(two.bind(0x4003, peerOf(3))?.code).to.equal(undefined)
  })

  it('P9 to those without credentials an answer is on the wire at most twice as long as its request', () => {
    const transactionId = new Uint8Array(12)
    const bare = { kind: 'request', transactionId, attributes: [] } as const
    for (const request of [
      encodeWithoutFingerprint({ ...bare, method: BINDING }),
      encodeStun({ ...bare, method: BINDING }),
      encodeBinding(transactionId),
      encodeWithoutFingerprint({ ...bare, method: REFRESH }),
      encodeStun({ ...bare, method: ALLOCATE, attributes: [requestedUdp] }),
      encodeStun({ ...bare, method: ALLOCATE, attributes: [requestedUdp] }, new Uint8Array(16)),
    ]) {
      const answers = bench.receive(MALLORY, request)
      expect(answers).to.have.length(1)
      const ratio = ((answers[0]?.length ?? 0) + HEADERS) / (request.length + HEADERS)
      expect(ratio).to.be.at.most(2)
    }
  })

  it('P9 strangers are answered fifty times from one source, then five times a second', () => {
    const ask = (from: ClientWay): number =>
      bench.receive(
        from,
        encodeStun({
          kind: 'request',
          method: ALLOCATE,
          transactionId: new Uint8Array(12),
          attributes: [requestedUdp],
        }),
      ).length
    let answered = 0
    for (let count = 0; count < 200; count++) answered += ask(at(count))
    expect(answered).to.equal(50)
    expect(bench.relay.counters()).to.include({ 'too-many-strangers': 150 })
    expect(ask({ listener: 0, source: '198.51.100.5:1' })).to.equal(1)
    bench.pass(1 * SECOND)
    answered = 0
    for (let count = 0; count < 20; count++) answered += ask(at(count))
    expect(answered).to.equal(5)
  })

  it('P9 who has credentials is answered while a source floods', () => {
    const flood = encodeBinding(new Uint8Array(12))
    for (let count = 0; count < 3_000; count++) bench.receive(at(count), flood)
    const ada = clientAt({ listener: 0, source: '198.51.100.7:1' })
    expect(ada.allocate()?.code).to.equal(undefined)
    expect(bench.relay.counters()['too-many-of-one-source']).to.equal(1_000)
  })

  it('a client with an allocation has a larger limit than strangers, as a gateway binds thousands of channels at once', () => {
    mallory.allocate()
    mallory.refresh()
    let answered = 0
    for (let count = 0; count < 3_000; count++) answered += bench.receive(MALLORY, mallory.sent).length
    expect(answered).to.equal(3_000)
  })

  it('P9 data of strangers at a relayed port is dropped, and its client does not hear of it', () => {
    const answer = mallory.allocate()
    const relayed = (answer && readXorAddress(answer.message, XOR_RELAYED_ADDRESS)) ?? PEER
    mallory.permit(PEER)
    expect(bench.receiveAt(relayed, endpoint('198.51.100.21', 4000), HELLO)).to.deep.equal([])
    // The relay's own address is permitted for its own clients, whose data does not come over the network.
    mallory.permit(endpoint(RELAY_V4, 50_001))
    expect(bench.receiveAt(relayed, endpoint(RELAY_V4, 50_001), HELLO)).to.deep.equal([])
  })

  it('P9 whatever the bytes, nothing is thrown, and nothing but answers to requests comes back', () => {
    mallory.allocate()
    mallory.bind(0x4000, PEER)
    const valid = mallory.sent
    const mutated = fc.tuple(fc.nat(), fc.nat(255), fc.nat(60)).map(([place, value, cut]) => {
      const copy = valid.slice(0, valid.length - cut)
      copy[place % copy.length] = value
      return copy
    })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
        for (const answer of bench.receive(MALLORY, bytes)) expect((answer[0] ?? 0) >> 6).to.equal(0)
      }),
      { numRuns: 300 },
    )
    expect(bench.relay.allocations).to.equal(1)
  })

  it('H10 two relays cannot be made to send in circles: a relay’s door is nobody’s peer, and a relayed port no client', () => {
    // A client of one relay by way of another's relayed port would need that as a peer's door.
    const answer = mallory.allocate()
    expect(mallory.bind(0x4000, endpoint('203.0.113.77', 3478))?.code).to.equal(403)
    const relayed = (answer && readXorAddress(answer.message, XOR_RELAYED_ADDRESS)) ?? PEER
    // A channel to itself: what it sends comes back once, and no further.
    expect(mallory.bind(0x4001, relayed)?.code).to.equal(undefined)
    expect(mallory.sendChannel(0x4001, HELLO)).to.deep.equal([encodeChannelData(0x4001, HELLO)])
  })
})
