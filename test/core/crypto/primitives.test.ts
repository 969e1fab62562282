import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { x25519 } from '@noble/curves/ed25519.js'
import { blake2s as nobleBlake2s } from '@noble/hashes/blake2.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { expect } from 'chai'
import * as fc from 'fast-check'
import { createPublicKey, type KeyObject } from 'node:crypto'
import { describe, it } from 'mocha'
import { blake2s, hkdfBlake2s, hmacBlake2s, keyedBlake2s128 } from '../../../core/crypto/blake2s.ts'
import { ChaCha20Poly1305 } from '../../../core/crypto/chacha20-poly1305.ts'
import { fromHex, toHex, utf8 } from '../../../core/crypto/text-encoding.ts'
import { importHalfJwk, importPkcs8, importPrivateKey, publicKeyBytes } from '../../../core/crypto/x25519-import.ts'
import { X25519PrivateKey, X25519PublicKey } from '../../../core/crypto/x25519.ts'
import { xchachaOpen, xchachaSeal } from '../../../core/crypto/xchacha20-poly1305.ts'
import vectors from '../../vector/wireguard/primitives.json' with { type: 'json' }

const bytes = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array()
const key = fc.uint8Array({ minLength: 32, maxLength: 32 })
const data = fc.uint8Array({ maxLength: 200 })
const counter = fc.maxSafeNat()

/** The nonce of a counter, computed in another way than the code under test. */
const nonceOf = (number: number): Uint8Array => {
  const nonce = new Uint8Array(12)
  new DataView(nonce.buffer).setBigUint64(4, BigInt(number), true)
  return nonce
}

describe('X25519', () => {
  for (const { scalar, point, result } of vectors.x25519) {
    it(`X25519 agrees with RFC 7748 on ${result.slice(0, 8)}…`, () => {
      const secret = new X25519PrivateKey(bytes(scalar)).agree(new X25519PublicKey(bytes(point)))
      expect(toHex(secret ?? new Uint8Array())).to.equal(result)
    })
  }

  it('X25519 agrees with noble on public keys and secrets', () => {
    fc.assert(
      fc.property(key, key, (one, other) => {
        const privateKey = new X25519PrivateKey(one)
        expect(toHex(privateKey.publicKey.bytes)).to.equal(toHex(x25519.getPublicKey(one)))
        const otherPublic = x25519.getPublicKey(other)
        expect(toHex(privateKey.agree(new X25519PublicKey(otherPublic)) ?? new Uint8Array())).to.equal(
          toHex(x25519.getSharedSecret(one, otherPublic)),
        )
      }),
      { numRuns: 20 },
    )
  })

  it('X25519 imports a private key by either way that Node.js has, and it is the same key', () => {
    fc.assert(
      fc.property(key, (one) => {
        const expected = toHex(x25519.getPublicKey(one))
        const publicHalf = (imported: KeyObject) => toHex(publicKeyBytes(createPublicKey(imported)))
        expect(publicHalf(importPkcs8(one))).to.equal(expected)
        expect(publicHalf(importPrivateKey(one))).to.equal(expected)
        let byHalf: KeyObject
        try {
          byHalf = importHalfJwk(one)
        } catch (error) {
          // Node.js 24 and later compare the public and the private half of a key.
          expect(error).to.have.property('code', 'ERR_CRYPTO_INVALID_JWK')
          return
        }
        expect(publicHalf(byHalf)).to.equal(expected)
      }),
      { numRuns: 20 },
    )
  })

  it('X25519 gives no secret with a key of low order', () => {
    for (const point of vectors.x25519LowOrder) {
      expect(new X25519PrivateKey(new Uint8Array(32).fill(5)).agree(new X25519PublicKey(bytes(point)))).to.equal(
        undefined,
      )
    }
  })

  it('X25519 accepts keys of 32 bytes only', () => {
    for (const length of [0, 31, 33]) {
      expect(() => new X25519PublicKey(new Uint8Array(length))).to.throw(RangeError)
      expect(() => new X25519PrivateKey(new Uint8Array(length))).to.throw(RangeError)
    }
  })
})

describe('ChaCha20-Poly1305', () => {
  it('ChaCha20-Poly1305 of noble, the oracle, agrees with RFC 8439 §2.8.2', () => {
    const { key: secret, nonce, associated, plain, sealed } = vectors.chacha20Poly1305
    const oracle = chacha20poly1305(bytes(secret), bytes(nonce), bytes(associated))
    expect(toHex(oracle.encrypt(utf8(plain)))).to.equal(sealed)
  })

  it('ChaCha20-Poly1305 agrees with noble for any key, counter, text and associated data', () => {
    fc.assert(
      fc.property(key, counter, data, data, (secret, number, plain, associated) => {
        const sealed = new ChaCha20Poly1305(secret).seal(number, plain, associated)
        expect(toHex(sealed)).to.equal(toHex(chacha20poly1305(secret, nonceOf(number), associated).encrypt(plain)))
        const opened = new ChaCha20Poly1305(secret).open(number, sealed, associated)
        expect(toHex(opened ?? utf8('refused'))).to.equal(toHex(plain))
      }),
    )
  })

  it('ChaCha20-Poly1305 seals parts into their place as it seals them together', () => {
    fc.assert(
      fc.property(key, counter, data, data, (secret, number, first, second) => {
        const cipher = new ChaCha20Poly1305(secret)
        const into = new Uint8Array(5 + first.length + second.length + 16)
        cipher.sealInto({ counter: number, plain: [first, second], into, offset: 5 })
        expect(toHex(into.subarray(5))).to.equal(toHex(cipher.seal(number, new Uint8Array([...first, ...second]))))
        expect(toHex(into.subarray(0, 5))).to.equal('0000000000')
      }),
    )
  })

  it('ChaCha20-Poly1305 opens nothing that was changed in a bit, or sealed under another counter or with other associated data', () => {
    fc.assert(
      fc.property(key, data, fc.nat(), (secret, plain, position) => {
        const cipher = new ChaCha20Poly1305(secret)
        const sealed = cipher.seal(7, plain, utf8('a'))
        expect(cipher.open(8, sealed, utf8('a'))).to.equal(undefined)
        expect(cipher.open(7, sealed, utf8('b'))).to.equal(undefined)
        expect(cipher.open(7, sealed)).to.equal(undefined)
        const at = position % sealed.length
        sealed[at] = (sealed[at] ?? 0) ^ 1
        expect(cipher.open(7, sealed, utf8('a'))).to.equal(undefined)
      }),
    )
  })

  it('ChaCha20-Poly1305 opens nothing that is shorter than a tag', () => {
    for (let length = 0; length < 16; length++) {
      expect(new ChaCha20Poly1305(new Uint8Array(32)).open(0, new Uint8Array(length))).to.equal(undefined)
    }
  })
})

describe('XChaCha20-Poly1305', () => {
  const { key: secret, nonce, associated, plain, sealed } = vectors.xchacha20Poly1305
  const use = { key: bytes(secret), nonce: bytes(nonce), associated: bytes(associated) }

  it('XChaCha20-Poly1305 agrees with draft-irtf-cfrg-xchacha-03 §A.3.1', () => {
    expect(toHex(xchachaSeal(use, utf8(plain)))).to.equal(sealed)
    expect(toHex(xchachaOpen(use, bytes(sealed)) ?? new Uint8Array())).to.equal(toHex(utf8(plain)))
  })

  it('XChaCha20-Poly1305 opens nothing that was changed, or is too short', () => {
    const changed = bytes(sealed)
    changed[0] = (changed[0] ?? 0) ^ 1
    expect(xchachaOpen(use, changed)).to.equal(undefined)
    expect(xchachaOpen(use, new Uint8Array(3))).to.equal(undefined)
  })
})

describe('BLAKE2s', () => {
  it('BLAKE2s agrees with RFC 7693 appendix B', () => expect(toHex(blake2s(utf8('abc')))).to.equal(vectors.blake2s.abc))

  it('BLAKE2s of noble, the oracle, agrees with the published answer of the keyed mode', () => {
    const { key: secret, digest } = vectors.blake2s.keyedEmpty
    expect(toHex(nobleBlake2s(new Uint8Array(0), { key: bytes(secret) }))).to.equal(digest)
  })

  it('BLAKE2s agrees with noble on hashes, HMAC and HKDF of any bytes', () => {
    fc.assert(
      fc.property(key, data, data, (secret, first, second) => {
        const both = new Uint8Array([...first, ...second])
        expect(toHex(blake2s(first, second))).to.equal(toHex(nobleBlake2s(both)))
        expect(toHex(hmacBlake2s(secret, first, second))).to.equal(toHex(hmac(nobleBlake2s, secret, both)))
        const derived = hkdfBlake2s(secret, first, 3).map(toHex).join('')
        expect(derived).to.equal(toHex(hkdf(nobleBlake2s, first, secret, new Uint8Array(0), 96)))
        expect(keyedBlake2s128(secret, first)).to.have.length(16)
      }),
    )
  })
})
