import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { withoutPadding } from '../../../plugins/transport-wireguard/inner-packet.ts'
import {
  encodeDataHeader,
  encodeInitiation,
  encodeResponse,
  parseMessage,
} from '../../../plugins/transport-wireguard/messages.ts'

const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const index = fc.integer({ min: 0, max: 0xffffffff })

describe('WireGuard messages', () => {
  it('a WireGuard message is read as it was written', () => {
    const initiation = fc.record({
      sender: index,
      ephemeral: exactly(32),
      sealedStatic: exactly(48),
      sealedTimestamp: exactly(28),
    })
    fc.assert(
      fc.property(initiation, (message) => {
        expect(parseMessage(encodeInitiation(message))).to.deep.equal({ type: 'initiation', ...message })
      }),
    )
    const response = fc.record({ sender: index, receiver: index, ephemeral: exactly(32), sealedNothing: exactly(16) })
    fc.assert(
      fc.property(response, (message) => {
        expect(parseMessage(encodeResponse(message))).to.deep.equal({ type: 'response', ...message })
      }),
    )
    fc.assert(
      fc.property(index, fc.maxSafeNat(), (receiver, counter) => {
        const message = parseMessage(encodeDataHeader(receiver, counter, 16))
        expect(message).to.deep.equal({ type: 'data', receiver, counter, sealed: new Uint8Array(16) })
      }),
    )
  })

  it('WireGuard messages have one length each, data messages at least 32 bytes', () => {
    for (const [type, lengths] of Object.entries({ 1: [148], 2: [92], 3: [64] })) {
      for (let length = 0; length < 300; length++) {
        const datagram = new Uint8Array(length)
        if (length > 0) datagram[0] = Number(type)
        expect(parseMessage(datagram).type !== 'malformed', `${type}, ${length}`).to.equal(lengths.includes(length))
      }
    }
    for (let length = 4; length < 40; length++) {
      const datagram = new Uint8Array(length)
      datagram[0] = 4
      expect(parseMessage(datagram).type).to.equal(length < 32 ? 'malformed' : 'data')
    }
  })

  it('WireGuard messages with anything in the reserved bytes are refused', () => {
    for (const reserved of [1, 2, 3]) {
      const datagram = new Uint8Array(148)
      datagram[0] = 1
      datagram[reserved] = 1
      expect(parseMessage(datagram)).to.deep.equal({ type: 'malformed', reason: 'unknown-type' })
    }
  })

  it('WireGuard messages with a counter beyond the limit are refused', () => {
    const datagram = encodeDataHeader(1, 0, 16)
    datagram.fill(255, 8, 16)
    expect(parseMessage(datagram)).to.deep.equal({ type: 'malformed', reason: 'counter-out-of-range' })
  })

  it('reading a WireGuard message of random bytes never throws, and refuses with a reason', () => {
    const anything = fc
      .tuple(fc.constantFrom(0, 1, 2, 3, 4, 5, 255), fc.uint8Array({ maxLength: 200 }))
      .map(([type, rest]) => new Uint8Array([type, 0, 0, 0, ...rest]))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), anything), (datagram) => {
        const message = parseMessage(datagram)
        if (message.type === 'malformed') expect(message.reason).to.be.a('string').with.length.above(0)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('the packet inside', () => {
  it('the packet inside a data message is cut to the length that it says', () => {
    const ipv4 = new Uint8Array(32)
    ipv4.set([0x45, 0, 0, 21])
    expect(withoutPadding(ipv4)).to.have.length(21)
    const ipv6 = new Uint8Array(64)
    ipv6.set([0x60, 0, 0, 0, 0, 9])
    expect(withoutPadding(ipv6)).to.have.length(49)
  })

  it('the packet inside a data message is none where its length is wrong, or it is not IP', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (plain) => {
        const packet = withoutPadding(plain)
        if (packet === undefined) return
        expect([4, 6]).to.include((packet[0] ?? 0) >> 4)
        expect(packet.length).to.be.within(20, plain.length)
      }),
      { numRuns: 1_000 },
    )
    expect(withoutPadding(Uint8Array.of(0x45, 0, 0, 19, ...new Uint8Array(40)))).to.equal(undefined)
    expect(withoutPadding(new Uint8Array(0))).to.equal(undefined)
  })
})
