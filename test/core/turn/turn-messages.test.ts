import { expect } from 'chai'
import { describe, it } from 'mocha'
import { longTermKey } from '../../../core/turn/long-term-key.ts'
import {
  ADDITIONAL_ADDRESS_FAMILY,
  addressErrorAttribute,
  ALLOCATE,
  CHANNEL_BIND,
  channelAttribute,
  familyAttribute,
  LIFETIME,
  readChannel,
  readFamily,
  readTransport,
  REQUESTED_ADDRESS_FAMILY,
  requestedUdp,
} from '../../../core/turn/turn-attributes.ts'
import {
  errorAttribute,
  NONCE,
  readErrorCode,
  readText,
  readUint32,
  REALM,
  SOFTWARE,
  textAttribute,
  uint32Attribute,
  USERNAME,
} from '../../../core/stun/stun-attributes.ts'
import { decodeStun, encodeWithoutFingerprint, provesKey, type StunMessage } from '../../../core/stun/stun-message.ts'
import vectors from '../../vector/protocol/vectors.json' with { type: 'json' }

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'))
const hex = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString('hex')

const decoded = (datagram: Uint8Array): StunMessage => {
  const verdict = decodeStun(datagram)
  if (verdict.type === 'refused') throw new Error(verdict.reason)
  return verdict.message
}

const { turnMessages, turnPasswords } = vectors
const { username, password } = turnPasswords.firezoneRelay
const KEY = bytes(turnMessages.longTermKey.hex)
const TRANSACTION = bytes(turnMessages.transactionIdHex)
/** Attributes of a released peer's first Allocate, in its order. */
const FIRST_ALLOCATE = [
  requestedUdp,
  familyAttribute(ADDITIONAL_ADDRESS_FAMILY, 'ipv6'),
  textAttribute(SOFTWARE, 'snownet'),
  textAttribute(USERNAME, username),
  textAttribute(REALM, turnMessages.longTermKey.realm),
]

describe('TURN messages', () => {
  it('the request with long-term authentication of RFC 5769 §2.4 is read', () => {
    const message = decoded(
      bytes(`
        00010060 2112a442 78ad3433 c6ad72c0 29da412e 00060012 e3839ee3 8388e383 aae38383 e382afe3 82b90000
        0015001c 662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 36347341 0014000b 6578616d 706c652e
        6f726700 00080014 f6702465 6dd64a3e 02b8e071 2e85c9a2 8ca89666`),
    )
    expect(readText(message, USERNAME)).to.equal('マトリックス')
    expect(readText(message, NONCE)).to.equal('f//499k954d6OL34oL9FSTvy64sA')
    const key = longTermKey({ username: 'マトリックス', realm: 'example.org', password: 'TheMatrIX' })
    expect(provesKey(message, key)).to.equal(true)
    const other = longTermKey({ username: 'マトリックス', realm: 'example.net', password: 'TheMatrIX' })
    expect(provesKey(message, other)).to.equal(false)
  })

  it("a released peer's key follows from its credentials", () => {
    expect(hex(longTermKey({ username, password, realm: 'firezone' }))).to.equal(turnMessages.longTermKey.hex)
  })

  it("a released peer's first Allocate is read, and written alike", () => {
    const datagram = bytes(turnMessages.allocateWithoutNonceHex)
    const message = decoded(datagram)
    expect(message.kind).to.equal('request')
    expect(message.method).to.equal(ALLOCATE)
    expect(readTransport(message)).to.equal(17)
    expect(readFamily(message, ADDITIONAL_ADDRESS_FAMILY)).to.equal('ipv6')
    expect(readFamily(message, REQUESTED_ADDRESS_FAMILY)).to.equal(undefined)
    expect(readText(message, NONCE)).to.equal(undefined)
    expect(provesKey(message, KEY)).to.equal(true)
    const written = { kind: 'request', method: ALLOCATE, transactionId: TRANSACTION } as const
    expect(hex(encodeWithoutFingerprint({ ...written, attributes: FIRST_ALLOCATE }, KEY))).to.equal(hex(datagram))
  })

  it('the answer that satisfies a released peer is read, and written alike', () => {
    const datagram = bytes(turnMessages.unauthorizedWithIntegrityHex)
    const message = decoded(datagram)
    expect(message.kind).to.equal('error')
    expect(readErrorCode(message)).to.equal(401)
    expect(readText(message, NONCE)).to.equal(turnMessages.nonce)
    expect(provesKey(message, KEY)).to.equal(true)
    const attributes = [
      errorAttribute(401, 'Unauthorized'),
      textAttribute(REALM, 'firezone'),
      textAttribute(NONCE, turnMessages.nonce),
    ]
    const written = { kind: 'error', method: ALLOCATE, transactionId: TRANSACTION, attributes } as const
    expect(hex(encodeWithoutFingerprint(written, KEY))).to.equal(hex(datagram))
  })

  it("a released peer's second Allocate is read, and written alike", () => {
    const datagram = bytes(turnMessages.allocateWithNonceHex)
    expect(readText(decoded(datagram), NONCE)).to.equal(turnMessages.nonce)
    const attributes = [...FIRST_ALLOCATE, textAttribute(NONCE, turnMessages.nonce)]
    const written = { kind: 'request', method: ALLOCATE, transactionId: TRANSACTION, attributes } as const
    expect(hex(encodeWithoutFingerprint(written, KEY))).to.equal(hex(datagram))
  })

  it('channel, lifetime, families and the reason for a missing family are kept', () => {
    const attributes = [
      channelAttribute(0x4001),
      uint32Attribute(LIFETIME, 600),
      familyAttribute(REQUESTED_ADDRESS_FAMILY, 'ipv4'),
      addressErrorAttribute('ipv6', 440, 'no IPv6'),
    ]
    const message = decoded(
      encodeWithoutFingerprint({ kind: 'request', method: CHANNEL_BIND, transactionId: TRANSACTION, attributes }),
    )
    expect(message.integrity).to.equal(undefined)
    expect(readChannel(message)).to.equal(0x4001)
    expect(readUint32(message, LIFETIME)).to.equal(600)
    expect(readFamily(message, REQUESTED_ADDRESS_FAMILY)).to.equal('ipv4')
    expect(hex(message.attributes[3]?.value)).to.equal(`02000428${Buffer.from('no IPv6').toString('hex')}`)
  })

  it('a family that is neither IPv4 nor IPv6, and attributes of another length, are told apart', () => {
    const attributes = [
      { type: REQUESTED_ADDRESS_FAMILY, value: new Uint8Array([3, 0, 0, 0]) },
      { type: ADDITIONAL_ADDRESS_FAMILY, value: new Uint8Array([2]) },
      { type: 0x000c, value: new Uint8Array([0x40, 0]) },
    ]
    const message = { kind: 'request', method: ALLOCATE, transactionId: TRANSACTION, attributes } as const
    expect(readFamily(message, REQUESTED_ADDRESS_FAMILY)).to.equal('other')
    expect(readFamily(message, ADDITIONAL_ADDRESS_FAMILY)).to.equal(undefined)
    expect(readChannel(message)).to.equal(undefined)
  })
})
