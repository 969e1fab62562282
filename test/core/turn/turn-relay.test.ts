import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { endpoint, type Endpoint } from '../../../core/runtime/endpoint.ts'
import { HOUR, MINUTE, SECOND } from '../../../core/runtime/time.ts'
import {
  attribute,
  NONCE,
  readText,
  readUint32,
  readXorAddress,
  REALM,
  SOFTWARE,
  textAttribute,
  UNKNOWN_ATTRIBUTES,
  XOR_MAPPED_ADDRESS,
} from '../../../core/stun/stun-attributes.ts'
import { encodeBinding } from '../../../core/stun/stun-binding.ts'
import { BINDING, decodeStun, encodeWithoutFingerprint, hasFingerprint } from '../../../core/stun/stun-message.ts'
import type { ClientWay } from '../../../core/turn/allocation.ts'
import {
  ADDITIONAL_ADDRESS_FAMILY,
  ADDRESS_ERROR_CODE,
  ALLOCATE,
  DONT_FRAGMENT,
  EVEN_PORT,
  familyAttribute,
  LIFETIME,
  REFRESH,
  REQUESTED_ADDRESS_FAMILY,
  REQUESTED_TRANSPORT,
  requestedUdp,
  RESERVATION_TOKEN,
  XOR_PEER_ADDRESS,
  XOR_RELAYED_ADDRESS,
} from '../../../core/turn/turn-attributes.ts'
import { credentialsOf, dataOf, RELAY_V4, TurnBench, TurnClient } from '../../kit/turn-bench.ts'
import vectors from '../../vector/protocol/vectors.json' with { type: 'json' }

const ADA: ClientWay = { listener: 0, source: '192.0.2.7:52625' }
const BOB: ClientWay = { listener: 0, source: '198.51.100.8:52625' }
const PEER = endpoint('198.51.100.20', 4000)
const PEER_V6 = endpoint('2001:db8:20::20', 4000)
const HELLO = new TextEncoder().encode('hello')

describe('a TURN relay', () => {
  let bench: TurnBench
  let ada: TurnClient
  let bob: TurnClient

  const clientAt = (way: ClientWay, dialect: 'rfc' | 'released' = 'rfc', name: string = way.source): TurnClient =>
    new TurnClient({ ...credentialsOf(name), dialect, exchange: (bytes) => bench.receive(way, bytes) })

  const relayedOf = (client: TurnClient): Endpoint => {
    const answer = client.allocate()
    const relayed = answer === undefined ? undefined : readXorAddress(answer.message, XOR_RELAYED_ADDRESS)
    if (relayed === undefined) throw new Error(`no allocation: ${answer?.code ?? 'no answer'}`)
    return relayed
  }

  beforeEach(() => {
    bench = new TurnBench()
    ada = clientAt(ADA)
    bob = clientAt(BOB, 'released')
  })

  describe('in the dialect of RFC 8656', () => {
    it('asks for credentials with realm and nonce, then allocates and tells both addresses', () => {
      const first = ada.ask(ALLOCATE, () => [requestedUdp])
      expect(first?.code).to.equal(401)
      expect(first?.message.integrity).to.equal(undefined)
      expect(first && readText(first.message, REALM)).to.equal('firezone')
      const second = ada.allocate()
      expect(second?.message.kind).to.equal('success')
      expect(second?.isProven).to.equal(true)
      expect(second && readXorAddress(second.message, XOR_MAPPED_ADDRESS)).to.equal(ADA.source)
      expect(second && readXorAddress(second.message, XOR_RELAYED_ADDRESS)).to.equal(`${RELAY_V4}:50000`)
      expect(second && readUint32(second.message, LIFETIME)).to.equal(600)
    })

    it('an answer has FINGERPRINT where its request has, and only there', () => {
      expect(hasFingerprint(ada.allocate()?.bytes ?? HELLO)).to.equal(true)
      expect(hasFingerprint(bob.allocate()?.bytes ?? HELLO)).to.equal(false)
    })

    it('a wrong password, and a user name that nobody has, are answered 401 without a proof', () => {
      for (const wrong of [{ password: 'wrong' }, { username: 'ada' }, { username: '1:x' }]) {
        const stranger = new TurnClient({
          ...credentialsOf('stranger'),
          ...wrong,
          exchange: (bytes) => bench.receive(ADA, bytes),
        })
        const answer = stranger.allocate()
        expect(answer?.code).to.equal(401)
        expect(answer?.message.integrity).to.equal(undefined)
      }
      expect(bench.relay.allocations).to.equal(0)
    })

    it('integrity without a user name is answered 400', () => {
      const { key } = ada
      const message = {
        kind: 'request',
        method: ALLOCATE,
        transactionId: new Uint8Array(12),
        attributes: [requestedUdp],
      }
      const answer = ada.send(encodeWithoutFingerprint({ ...message, kind: 'request' }, key))
      expect(answer?.code).to.equal(400)
    })

    it('a nonce that is an hour old is answered 438 with another one', () => {
      relayedOf(ada)
      const { nonce } = ada
      bench.pass(1 * HOUR + 1 * SECOND)
      const answer = ada.ask(ALLOCATE, () => [requestedUdp])
      expect(answer?.code).to.equal(438)
      expect(answer?.isProven).to.equal(true)
      expect(ada.nonce).to.not.equal(nonce)
      expect(ada.allocate()?.code).to.equal(undefined)
    })

    it('a nonce that was given to another source is answered 438', () => {
      relayedOf(ada)
      const elsewhere = clientAt({ ...ADA, source: '192.0.2.99:52625' }, 'rfc', ADA.source)
      elsewhere.nonce = ada.nonce
      expect(elsewhere.ask(ALLOCATE, () => [requestedUdp])?.code).to.equal(438)
    })

    it('a request that arrives again is answered alike, and carried out once', () => {
      const first = ada.allocate()
      expect(ada.send(ada.sent)?.bytes).to.deep.equal(first?.bytes)
      expect(bench.relay.allocations).to.equal(1)
      const end = ada.refresh(0)
      expect(ada.send(ada.sent)?.bytes).to.deep.equal(end?.bytes)
    })

    it('a second allocation of the same 5-tuple is answered 437, and so is a refresh without one', () => {
      relayedOf(ada)
      expect(ada.allocate()?.code).to.equal(437)
      expect(ada.refresh(0)?.code).to.equal(undefined)
      expect(ada.refresh()?.code).to.equal(437)
      expect(ada.permit(PEER)?.code).to.equal(437)
      expect(ada.bind(0x4000, PEER)?.code).to.equal(437)
    })

    it('an allocation of another user name is answered 441', () => {
      relayedOf(ada)
      const other = clientAt(ADA, 'rfc', 'another')
      expect(other.refresh(0)?.code).to.equal(441)
      expect(bench.relay.allocations).to.equal(1)
    })

    it('a transport other than UDP is answered 442, none 400', () => {
      const tcp = { type: REQUESTED_TRANSPORT, value: new Uint8Array([6, 0, 0, 0]) }
      expect(ada.askOn(ALLOCATE, () => [tcp])?.code).to.equal(442)
      expect(ada.askOn(ALLOCATE)?.code).to.equal(400)
    })

    it('an attribute that must be understood and is not is answered 420, with its type', () => {
      const answer = ada.askOn(ALLOCATE, () => [requestedUdp, { type: DONT_FRAGMENT, value: new Uint8Array(0) }])
      expect(answer?.code).to.equal(420)
      expect(answer && [...(attribute(answer.message, UNKNOWN_ATTRIBUTES) ?? [])]).to.deep.equal([0, DONT_FRAGMENT])
    })

    it('an even port is given, a reserved one is answered 508', () => {
      const even = ada.allocate({ type: EVEN_PORT, value: new Uint8Array([0]) })
      expect(even && readXorAddress(even.message, XOR_RELAYED_ADDRESS)).to.match(/[02468]$/)
      expect(bob.allocate({ type: EVEN_PORT, value: new Uint8Array([0x80]) })?.code).to.equal(508)
      expect(bob.allocate({ type: RESERVATION_TOKEN, value: new Uint8Array(8) })?.code).to.equal(508)
    })

    it('families: IPv6 alone, both, a family that is not there, and contradictions', () => {
      const ipv6 = ada.allocate(familyAttribute(REQUESTED_ADDRESS_FAMILY, 'ipv6'))
      expect(ipv6 && readXorAddress(ipv6.message, XOR_RELAYED_ADDRESS)).to.match(/^\[2001:db8:9::9\]/)
      const both = bob.allocateBoth()
      const relayed = both?.message.attributes.filter(({ type }) => type === XOR_RELAYED_ADDRESS)
      expect(relayed?.map(({ value }) => value[1])).to.deep.equal([1, 2])
      const carol = clientAt({ ...ADA, source: '192.0.2.8:1' })
      const other = { type: REQUESTED_ADDRESS_FAMILY, value: new Uint8Array([3, 0, 0, 0]) }
      expect(carol.allocate(other)?.code).to.equal(440)
      const additional = familyAttribute(ADDITIONAL_ADDRESS_FAMILY, 'ipv6')
      expect(carol.allocate(familyAttribute(REQUESTED_ADDRESS_FAMILY, 'ipv4'), additional)?.code).to.equal(400)
      expect(carol.allocate(familyAttribute(ADDITIONAL_ADDRESS_FAMILY, 'ipv4'))?.code).to.equal(400)
    })

    it('where one of two families cannot be had, the other is given and the missing one told', () => {
      bench.failing.add('ipv6')
      const answer = ada.allocateBoth()
      expect(answer?.message.kind).to.equal('success')
      expect(answer && [...(attribute(answer.message, ADDRESS_ERROR_CODE) ?? [])].slice(0, 4)).to.deep.equal([
        2, 0, 4, 40,
      ])
      bench.failing.add('ipv4')
      expect(bob.allocateBoth()?.code).to.equal(508)
      expect(bench.relay.allocations).to.equal(1)
    })

    it('a refresh of one family ends that one, and both are ended by a plain one', () => {
      ada.allocateBoth()
      const ipv6 = familyAttribute(REQUESTED_ADDRESS_FAMILY, 'ipv6')
      expect(ada.refresh(0, ipv6)?.code).to.equal(undefined)
      expect(bench.closed.map(({ family }) => family)).to.deep.equal(['ipv6'])
      expect(ada.refresh(600, ipv6)?.code).to.equal(443)
      expect(ada.refresh(0)?.code).to.equal(undefined)
      expect(bench.closed.map(({ family }) => family)).to.deep.equal(['ipv6', 'ipv4'])
      expect(bench.relay.allocations).to.equal(0)
    })

    it('a lifetime is at least ten minutes and at most an hour; an allocation ends with it', () => {
      ada.allocate()
      const told = ada.refresh(100_000)
      expect(told && readUint32(told.message, LIFETIME)).to.equal(3_600)
      bench.pass(59 * MINUTE)
      expect(bench.relay.allocations).to.equal(1)
      bench.pass(2 * MINUTE)
      expect(bench.relay.allocations).to.equal(0)
      expect(bench.closed).to.have.length(1)
    })

    it('a permission lets data of an address pass for five minutes, from any of its ports', () => {
      const relayed = relayedOf(ada)
      expect(bench.receiveAt(relayed, PEER, HELLO)).to.deep.equal([])
      expect(ada.permit(PEER)?.code).to.equal(undefined)
      const { from, data } = dataOf(bench.receiveAt(relayed, endpoint('198.51.100.20', 9), HELLO)[0])
      expect(data).to.deep.equal(HELLO)
      expect(from && readXorAddress(from, XOR_PEER_ADDRESS)).to.equal('198.51.100.20:9')
      bench.pass(5 * MINUTE)
      expect(bench.receiveAt(relayed, PEER, HELLO)).to.deep.equal([])
    })

    it('a send indication reaches a permitted peer only', () => {
      const relayed = relayedOf(ada)
      ada.sendIndication(PEER, HELLO)
      expect(bench.toPeers).to.deep.equal([])
      ada.permit(PEER)
      ada.sendIndication(PEER, HELLO)
      expect(bench.toPeers).to.deep.equal([{ from: relayed, to: PEER, bytes: HELLO }])
    })

    it('a channel carries data both ways for ten minutes, and is its own permission', () => {
      const relayed = relayedOf(ada)
      expect(ada.bind(0x4001, PEER)?.code).to.equal(undefined)
      ada.sendChannel(0x4001, HELLO)
      expect(bench.toPeers).to.deep.equal([{ from: relayed, to: PEER, bytes: HELLO }])
      bench.pass(9 * MINUTE)
      expect(dataOf(bench.receiveAt(relayed, PEER, HELLO)[0])).to.deep.equal({ channel: 0x4001, data: HELLO })
      expect(ada.refresh()?.code).to.equal(undefined)
      bench.pass(2 * MINUTE)
      ada.sendChannel(0x4001, HELLO)
      expect(bench.toPeers).to.have.length(1)
      expect(bench.receiveAt(relayed, PEER, HELLO)).to.deep.equal([])
    })

    it('a channel is one peer’s, a peer has one channel, and numbers are those of RFC 5766', () => {
      relayedOf(ada)
      ada.bind(0x4001, PEER)
      expect(ada.bind(0x4001, PEER)?.code).to.equal(undefined)
      expect(ada.bind(0x4001, endpoint('198.51.100.21', 4000))?.code).to.equal(400)
      expect(ada.bind(0x4002, PEER)?.code).to.equal(400)
      expect(ada.bind(0x3fff, PEER)?.code).to.equal(400)
      expect(ada.bind(0x8000, PEER)?.code).to.equal(400)
    })

    it('a peer of a family that the allocation lacks is answered 443', () => {
      relayedOf(ada)
      expect(ada.permit(PEER_V6)?.code).to.equal(443)
      expect(ada.bind(0x4000, PEER_V6)?.code).to.equal(443)
      bob.allocateBoth()
      expect(bob.permit(PEER, PEER_V6)?.code).to.equal(undefined)
    })

    it('a Binding request is answered with its source', () => {
      for (const [bytes, withFingerprint] of [
        [encodeBinding(new Uint8Array(12)), true],
        [
          encodeWithoutFingerprint({
            kind: 'request',
            method: BINDING,
            transactionId: new Uint8Array(12),
            attributes: [],
          }),
          false,
        ],
      ] as const) {
        const [answer = HELLO] = bench.receive(ADA, bytes)
        const verdict = decodeStun(answer)
        expect(verdict.type === 'decoded' && readXorAddress(verdict.message, XOR_MAPPED_ADDRESS)).to.equal(ADA.source)
        expect(hasFingerprint(answer)).to.equal(withFingerprint)
      }
    })
  })

  describe('in the dialect of released peers', () => {
    it('the recorded first Allocate is answered 401 with realm, nonce and a proof of the key', () => {
      const { allocateWithoutNonceHex, longTermKey } = vectors.turnMessages
      const { username, password } = vectors.turnPasswords.firezoneRelay
      const recorded = new TurnBench({ passwordOf: (name) => (name === username ? password : undefined) })
      const [bytes = HELLO] = recorded.receive(ADA, new Uint8Array(Buffer.from(allocateWithoutNonceHex, 'hex')))
      expect(bytes.length).to.be.at.most(allocateWithoutNonceHex.length / 2)
      const client = new TurnClient({ username, password, dialect: 'released', exchange: () => [bytes] })
      expect(Buffer.from(client.key).toString('hex')).to.equal(longTermKey.hex)
      const answer = client.ask(ALLOCATE)
      expect(answer?.code).to.equal(401)
      expect(answer?.isProven).to.equal(true)
      expect(answer && readText(answer.message, REALM)).to.equal('firezone')
      expect(answer && readText(answer.message, NONCE)?.length).to.be.greaterThan(16)
    })

    it('a recorded nonce of another relay is answered 438, with a proof', () => {
      const { username, password } = vectors.turnPasswords.firezoneRelay
      const recorded = new TurnBench({ passwordOf: (name) => (name === username ? password : undefined) })
      const sent = new Uint8Array(Buffer.from(vectors.turnMessages.allocateWithNonceHex, 'hex'))
      const client = new TurnClient({
        username,
        password,
        dialect: 'released',
        exchange: () => recorded.receive(ADA, sent),
      })
      const answer = client.send(sent)
      expect(answer?.code).to.equal(438)
      expect(answer?.isProven).to.equal(true)
    })

    it('each answer is proven, errors too, and a refresh may repeat what an allocation asks for', () => {
      const software = textAttribute(SOFTWARE, 'snownet')
      const both = familyAttribute(ADDITIONAL_ADDRESS_FAMILY, 'ipv6')
      const as = () => [requestedUdp, both, software]
      for (const [method, code] of [
        [ALLOCATE, 401],
        [REFRESH, 437],
        [ALLOCATE, undefined],
        [ALLOCATE, 437],
        [REFRESH, undefined],
      ] as const) {
        const answer = bob.ask(method, as)
        expect(answer?.code).to.equal(code)
        expect(answer?.isProven).to.equal(true)
      }
      for (const answer of [bob.bind(0x4000, endpoint('127.0.0.1', 53)), bob.bind(0x3000, PEER)]) {
        expect(answer?.code).to.be.oneOf([403, 400])
        expect(answer?.isProven).to.equal(true)
      }
    })

    it('a Binding request with a word on the software is answered by no more bytes in IPv4', () => {
      const request = encodeWithoutFingerprint({
        kind: 'request',
        method: BINDING,
        transactionId: new Uint8Array(12),
        attributes: [textAttribute(SOFTWARE, 'snownet')],
      })
      const [answer = HELLO] = bench.receive(ADA, request)
      expect(answer.length).to.equal(request.length)
    })
  })

  describe('between two clients of its own', () => {
    it('channels of both join their relayed endpoints, and nothing leaves the machine', () => {
      const [atAda, atBob] = [relayedOf(ada), relayedOf(bob)]
      expect(ada.bind(0x4000, atBob)?.code).to.equal(undefined)
      expect(bob.bind(0x4007, atAda)?.code).to.equal(undefined)
      ada.sendChannel(0x4000, HELLO)
      expect(dataOf(bench.takeFor(BOB)[0])).to.deep.equal({ channel: 0x4007, data: HELLO })
      bob.sendChannel(0x4007, HELLO)
      expect(dataOf(bench.takeFor(ADA)[0])).to.deep.equal({ channel: 0x4000, data: HELLO })
      expect(bench.toPeers).to.deep.equal([])
    })

    it('it works at a relay whose address is a private one, which is permitted to nobody else', () => {
      bench = new TurnBench({ relayedAddresses: { ipv4: '10.0.0.9' } })
      const [one, two] = [clientAt(ADA), clientAt(BOB)]
      one.allocate()
      two.allocate()
      expect(one.bind(0x4000, endpoint('10.0.0.9', 50_001))?.code).to.equal(undefined)
      expect(one.bind(0x4001, endpoint('10.0.0.8', 50_001))?.code).to.equal(403)
    })

    it('without a channel of its own the other client gets an indication, without a permission nothing', () => {
      const [atAda, atBob] = [relayedOf(ada), relayedOf(bob)]
      ada.bind(0x4000, atBob)
      ada.sendChannel(0x4000, HELLO)
      expect(bench.takeFor(BOB)).to.deep.equal([])
      bob.permit(atAda)
      ada.sendChannel(0x4000, HELLO)
      const { from, data } = dataOf(bench.takeFor(BOB)[0])
      expect(data).to.deep.equal(HELLO)
      expect(from && readXorAddress(from, XOR_PEER_ADDRESS)).to.equal(atAda)
      expect(bench.relay.counters()).to.include({ 'no-permission': 1 })
    })

    it('a relayed port that nobody has takes nothing, though it may be bound before its client is there', () => {
      relayedOf(ada)
      expect(ada.bind(0x4000, endpoint(RELAY_V4, 50_001))?.code).to.equal(undefined)
      ada.sendChannel(0x4000, HELLO)
      expect(bench.toPeers).to.deep.equal([])
      expect(bench.relay.counters()).to.include({ 'no-such-relayed-port': 1 })
      const atBob = relayedOf(bob)
      expect(atBob).to.equal(`${RELAY_V4}:50001`)
      bob.bind(0x4000, endpoint(RELAY_V4, 50_000))
      ada.sendChannel(0x4000, HELLO)
      expect(dataOf(bench.takeFor(BOB)[0]).data).to.deep.equal(HELLO)
    })

    it('the fast way leads where the slow one does', () => {
      const [atAda, atBob] = [relayedOf(ada), relayedOf(bob)]
      ada.bind(0x4000, atBob)
      ada.bind(0x4001, PEER)
      const allocation = bench.relay.allocationOf(ADA.listener, ADA.source)
      if (allocation === undefined) throw new Error('no allocation')
      expect(bench.relay.outbound(allocation, 0x4000, bench.now)).to.equal(undefined)
      bob.bind(0x4007, atAda)
      expect(bench.relay.outbound(allocation, 0x4000, bench.now)).to.include({ number: 0x4007, peer: atAda })
      expect(bench.relay.outbound(allocation, 0x4001, bench.now)).to.include({ number: 0x4001, peer: PEER })
      expect(bench.relay.outbound(allocation, 0x4002, bench.now)).to.equal(undefined)
      expect(bench.relay.inbound(allocation, PEER, bench.now)).to.include({ number: 0x4001 })
      bench.pass(10 * MINUTE)
      expect(bench.relay.outbound(allocation, 0x4001, bench.now)).to.equal(undefined)
      expect(bench.relay.inbound(allocation, PEER, bench.now)).to.equal(undefined)
    })
  })

  it('a client at the end of a stream allocates, is told no address of its own, and is gone with its stream', () => {
    const way = { listener: -1, source: 'stream 7' }
    const streamed = clientAt(way)
    const answer = streamed.allocate()
    expect(answer && readXorAddress(answer.message, XOR_MAPPED_ADDRESS)).to.equal('0.0.0.0:0')
    bench.tell({ type: 'streamEnded', from: way })
    expect(bench.relay.allocations).to.equal(0)
    expect(bench.closed).to.have.length(1)
  })

  it('a relay that does not serve ends all allocations and answers nobody, until it serves again', () => {
    relayedOf(ada)
    bench.tell({ type: 'servingChanged', serves: false })
    expect(bench.relay.allocations).to.equal(0)
    expect(bench.receive(ADA, encodeBinding(new Uint8Array(12)))).to.deep.equal([])
    expect(bob.ask(ALLOCATE, () => [requestedUdp])).to.equal(undefined)
    bench.tell({ type: 'servingChanged', serves: true })
    expect(ada.allocate()?.code).to.equal(undefined)
  })

  it('a port that opens after its allocation has ended is closed again', () => {
    relayedOf(ada)
    const allocation = bench.relay.allocationOf(ADA.listener, ADA.source)
    if (allocation === undefined) throw new Error('no allocation')
    ada.refresh(0)
    bench.closed.length = 0
    bench.tell({ type: 'portOpened', allocation, family: 'ipv4', relayed: endpoint(RELAY_V4, 60_000) })
    expect(bench.closed.map(({ family }) => family)).to.deep.equal(['ipv4'])
    expect(ada.refresh()?.code).to.equal(437)
  })
})
