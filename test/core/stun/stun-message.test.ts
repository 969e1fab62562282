import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  readText,
  readUint32,
  readXorAddress,
  xorAddressAttribute,
  ICE_CONTROLLED,
  attribute,
  PRIORITY,
  USE_CANDIDATE,
  USERNAME,
  XOR_MAPPED_ADDRESS,
} from '../../../core/stun/stun-attributes.ts'
import { decodeStun, encodeStun, looksLikeStun, provesKey, type StunMessage } from '../../../core/stun/stun-message.ts'
import { endpoint } from '../../../core/runtime/endpoint.ts'
import { lend } from '../../kit/lent-bytes.ts'

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'))
const hex = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString('hex')
const utf8 = new TextEncoder()

const decoded = (datagram: Uint8Array): StunMessage => {
  const verdict = decodeStun(datagram)
  if (verdict.type === 'refused') throw new Error(verdict.reason)
  return verdict.message
}

// RFC 5769 §2.1 and §2.2; the password of both.
const PASSWORD = utf8.encode('VOkJxbRl1RmTxUk/WvJxBt')
const REQUEST = bytes(`
  00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74 00240004 6e0001ff
  80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020 00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249
  c1b571a2 80280004 e57a3bcf`)
const RESPONSE = bytes(`
  0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200008 0001a147 e112a643
  00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96`)

describe('STUN messages', () => {
  it('STUN: the request of RFC 5769 §2.1 is read', () => {
    const message = decoded(REQUEST)
    expect(message.kind).to.equal('request')
    expect(message.method).to.equal(1)
    expect(hex(message.transactionId)).to.equal('b7e7a701bc34d686fa87dfae')
    expect(readText(message, USERNAME)).to.equal('evtj:h6vY')
    expect(readUint32(message, PRIORITY)).to.equal(0x6e0001ff)
    expect(hex(attribute(message, ICE_CONTROLLED))).to.equal('932ff9b151263b36')
    expect(provesKey(message, PASSWORD)).to.equal(true)
    expect(provesKey(message, utf8.encode('another'))).to.equal(false)
  })

  it('STUN: the response of RFC 5769 §2.2 is read', () => {
    const message = decoded(RESPONSE)
    expect(message.kind).to.equal('success')
    expect(readXorAddress(message, XOR_MAPPED_ADDRESS)).to.equal('192.0.2.1:32853')
    expect(provesKey(message, PASSWORD)).to.equal(true)
  })

  it('STUN: the TURN messages of the protocol vectors are read', () => {
    const vectors = JSON.parse(readFileSync('test/vector/protocol/vectors.json', 'utf8')) as {
      turnMessages: { longTermKey: { hex: string }; allocateWithoutNonceHex: string; transactionIdHex: string }
    }
    const { longTermKey, allocateWithoutNonceHex, transactionIdHex } = vectors.turnMessages
    const message = decoded(bytes(allocateWithoutNonceHex))
    expect(message.method).to.equal(3)
    expect(hex(message.transactionId)).to.equal(transactionIdHex)
    expect(provesKey(message, bytes(longTermKey.hex))).to.equal(true)
  })

  it('STUN: any kind, method and attributes are read as they were written', () => {
    const messages = fc.record({
      kind: fc.constantFrom('request' as const, 'indication' as const, 'success' as const, 'error' as const),
      method: fc.integer({ min: 0, max: 0xff }).filter((method) => method % 0x80 !== 0),
      transactionId: fc.uint8Array({ minLength: 12, maxLength: 12 }),
      attributes: fc.array(
        fc.record({ type: fc.constantFrom(6, 0x24, 0x25, 0x802a), value: fc.uint8Array({ maxLength: 40 }) }),
        { maxLength: 10 },
      ),
    })
    fc.assert(
      fc.property(messages, fc.uint8Array({ minLength: 1, maxLength: 32 }), (message, key) => {
        const back = decoded(encodeStun(message, key))
        const { integrity, ...rest } = back
        expect(integrity).to.not.equal(undefined)
        expect(rest).to.deep.equal(message)
        expect(provesKey(back, key)).to.equal(true)
      }),
    )
  })

  it('STUN: addresses of both families are kept', () => {
    const transactionId = bytes('0102030405060708090a0b0c')
    for (const where of [endpoint('192.0.2.7', 52625), endpoint('2001:db8:9::7', 1)]) {
      const attributes = [xorAddressAttribute(XOR_MAPPED_ADDRESS, where, transactionId)].flatMap((each) => each ?? [])
      const message = decoded(encodeStun({ kind: 'success', method: 1, transactionId, attributes }))
      expect(readXorAddress(message, XOR_MAPPED_ADDRESS)).to.equal(where)
    }
  })

  it('STUN: a message is read from a Buffer too, and stays the same when its bytes change', () => {
    for (const datagram of [REQUEST, RESPONSE]) {
      const message = lend(datagram, decoded)
      expect(message).to.deep.equal(decoded(datagram))
      expect(provesKey(message, PASSWORD)).to.equal(true)
    }
  })

  it('STUN: malformed messages are refused with a reason, whatever the bytes', () => {
    const mutated = fc
      .tuple(fc.constantFrom(REQUEST, RESPONSE), fc.nat(), fc.nat(255), fc.nat(120))
      .map(([base, at, value, cut]) => {
        const copy = base.slice(0, base.length - cut)
        if (copy.length > 0) copy[at % copy.length] = value
        return copy
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 1500 }), mutated), (datagram) => {
        const verdict = decodeStun(datagram)
        if (verdict.type === 'refused') {
          expect(verdict.reason).to.match(/^[a-z-]+$/)
          return
        }
        readXorAddress(verdict.message, XOR_MAPPED_ADDRESS)
        readText(verdict.message, USERNAME)
        expect(provesKey(verdict.message, utf8.encode('not the key of any'))).to.equal(false)
      }),
      { numRuns: 500 },
    )
  })

  it('STUN messages are not taken for WireGuard, nor WireGuard for them', () => {
    const wireguard = new Uint8Array(148)
    wireguard[0] = 1
    wireguard.set([0x21, 0x12, 0xa4, 0x42], 4)
    expect(looksLikeStun(wireguard)).to.equal(false)
    expect(looksLikeStun(REQUEST)).to.equal(true)
  })

  it('STUN: attributes after the integrity code are not trusted', () => {
    const nominated = new Uint8Array(REQUEST.length - 8 + 4)
    nominated.set(REQUEST.subarray(0, REQUEST.length - 8))
    nominated.set([0, USE_CANDIDATE, 0, 0], REQUEST.length - 8)
    new DataView(nominated.buffer).setUint16(2, nominated.length - 20)
    const message = decoded(nominated)
    expect(provesKey(message, PASSWORD)).to.equal(true)
    expect(attribute(message, USE_CANDIDATE)).to.equal(undefined)
  })
})
