import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { answerBinding, encodeBinding, readMappedEndpoint } from '../../../core/stun/stun-binding.ts'
import { USERNAME } from '../../../core/stun/stun-attributes.ts'
import { BINDING, decodeStun, encodeStun, type StunMessage } from '../../../core/stun/stun-message.ts'
import { endpoint } from '../../../core/runtime/endpoint.ts'

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'))
const TRANSACTION = bytes('b7e7a701bc34d686fa87dfae')
const PLACES = [endpoint('192.0.2.1', 32853), endpoint('2001:db8:1234:5678:11:2233:4455:6677', 32853)]

// RFC 5769 §2.2 and §2.3.
const RESPONSES = [
  `0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200008 0001a147 e112a643
   00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96`,
  `01010048 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200014 0002a147 0113a9fa
   a5d3f179 bc25f4b5 bed2b9d9 00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41 80280004 c8fb0b4c`,
].map(bytes)

const decoded = (datagram: Uint8Array): StunMessage => {
  const verdict = decodeStun(datagram)
  if (verdict.type === 'refused') throw new Error(verdict.reason)
  return verdict.message
}

describe('STUN Binding without credentials', () => {
  for (const [index, response] of RESPONSES.entries()) {
    const place = PLACES[index]
    it(`the mapped endpoint in the response of RFC 5769 §2.${index + 2} is read as ${place}`, () => {
      expect(readMappedEndpoint(decoded(response))).to.equal(place)
    })
  }

  for (const place of PLACES) {
    it(`a request from ${place} is answered with just that, by no more bytes than it has`, () => {
      const request = encodeBinding(TRANSACTION)
      const verdict = answerBinding(request, place)
      if (verdict.type === 'refused') throw new Error(verdict.reason)
      expect(verdict.bytes.length).to.be.at.most(request.length)
      const message = decoded(verdict.bytes)
      expect(message.transactionId).to.deep.equal(TRANSACTION)
      expect(readMappedEndpoint(message)).to.equal(place)
    })
  }

  it('no answer is longer than its request, whatever the bytes and wherever they come from', () => {
    const mutated = fc.tuple(fc.nat(51), fc.nat(255), fc.nat(40)).map(([at, value, cut]) =>
      encodeBinding(TRANSACTION)
        .with(at, value)
        .slice(0, 52 - cut),
    )
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated),
        fc.constantFrom(...PLACES),
        (datagram, from) => {
          const verdict = answerBinding(datagram, from)
          if (verdict.type === 'answered') expect(verdict.bytes.length).to.be.at.most(datagram.length)
        },
      ),
    )
  })

  const plain = { method: BINDING, transactionId: TRANSACTION, attributes: [] }
  const REFUSED = {
    'a bare request, which is shorter than its answer': [encodeStun({ ...plain, kind: 'request' }), 'answer-too-long'],
    'an indication': [encodeStun({ ...plain, kind: 'indication' }), 'not-a-binding'],
    'an answer': [RESPONSES[0] ?? new Uint8Array(0), 'not-a-binding'],
    'an Allocate request': [encodeStun({ ...plain, kind: 'request', method: 3 }), 'not-a-binding'],
    'a request with a user name': [
      encodeStun({ ...plain, kind: 'request', attributes: [{ type: USERNAME, value: new Uint8Array(40) }] }),
      'unknown-attribute',
    ],
    noise: [new Uint8Array(60).fill(7), 'not-stun'],
  } as const
  for (const [what, [datagram, reason]] of Object.entries(REFUSED)) {
    it(`P9 a STUN server does not answer ${what}`, () => {
      expect(answerBinding(datagram, endpoint('2001:db8::1', 9))).to.deep.equal({ type: 'refused', reason })
    })
  }

  it('an answer without a mapped endpoint, and a request, tell no endpoint', () => {
    for (const kind of ['success', 'error', 'request'] as const)
      expect(readMappedEndpoint(decoded(encodeStun({ ...plain, kind })))).to.equal(undefined)
  })
})
