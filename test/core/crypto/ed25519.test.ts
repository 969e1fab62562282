import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { Ed25519PrivateKey, isSignedBy } from '../../../core/crypto/ed25519.ts'
import { fromHex, toHex, utf8 } from '../../../core/crypto/text-encoding.ts'

const bytes = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array()

describe('Ed25519', () => {
  // RFC 8032 §7.1, tests 1 and 3.
  for (const { seed, publicKey, message, signature } of [
    {
      seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      message: '',
      signature:
        'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    },
    {
      seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      message: 'af82',
      signature:
        '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    },
  ]) {
    it(`Ed25519 gives the standard's key and signature of ${message.length / 2} bytes, and accepts them`, () => {
      const key = new Ed25519PrivateKey(bytes(seed))
      expect(toHex(key.publicKey)).to.equal(publicKey)
      expect(toHex(key.sign(bytes(message)))).to.equal(signature)
      expect(isSignedBy(bytes(publicKey), { message: bytes(message), signature: bytes(signature) })).to.equal(true)
    })
  }

  it('Ed25519 accepts no signature of another message or key, and no malformed signature or key', () => {
    const key = new Ed25519PrivateKey(new Uint8Array(32).fill(1))
    const message = utf8('as it is')
    const signature = key.sign(message)
    const other = new Ed25519PrivateKey(new Uint8Array(32).fill(2))
    expect(isSignedBy(key.publicKey, { message, signature })).to.equal(true)
    expect(isSignedBy(key.publicKey, { message: utf8('as it was'), signature })).to.equal(false)
    expect(isSignedBy(other.publicKey, { message, signature })).to.equal(false)
    const some = fc.uint8Array({ maxLength: 70 })
    fc.assert(
      fc.property(some, some, (one, two) => {
        expect(isSignedBy(one, { message, signature })).to.equal(false)
        expect(isSignedBy(key.publicKey, { message, signature: two })).to.equal(false)
      }),
    )
    expect(() => new Ed25519PrivateKey(new Uint8Array(31))).to.throw(RangeError)
  })
})
