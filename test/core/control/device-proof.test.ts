import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  deviceKeyFingerprint,
  deviceProof,
  isProofOf,
  PROOF_LIFETIME_MS,
  readDeviceProof,
} from '../../../core/control/device-proof.ts'
import { Ed25519PrivateKey } from '../../../core/crypto/ed25519.ts'
import { unixTime } from '../../../core/runtime/time.ts'

const KEY = new Ed25519PrivateKey(new Uint8Array(32).fill(7))
const NOW = unixTime(1_795_000_000_999)
const CONNECT = { role: 'client', externalId: 'laptop', publicKey: 'key', token: 'a.b' } as const

describe('a device’s proof', () => {
  const proof = (text = deviceProof(KEY, CONNECT, NOW)) => {
    const read = readDeviceProof(text)
    if (read === undefined) throw new Error('is no proof')
    return read
  }

  it('a device’s proof is valid for the connect that it was made for', () => {
    expect(proof().key).to.deep.equal(KEY.publicKey)
    expect(isProofOf(proof(), CONNECT, NOW)).to.equal(true)
  })

  for (const [what, other] of [
    ['role', { role: 'gateway' }],
    ['external id', { externalId: 'laptop2' }],
    ['tunnel key', { publicKey: 'another' }],
    ['token', { token: 'a.c' }],
    ['id and tunnel key that are cut elsewhere', { externalId: 'laptop","key', publicKey: '' }],
  ] as const) {
    it(`a device’s proof is not valid for another ${what}`, () => {
      expect(isProofOf(proof(), { ...CONNECT, ...other }, NOW)).to.equal(false)
    })
  }

  it('a device’s proof is valid for a day before and after the moment that it names', () => {
    for (const sign of [-1, 1]) {
      expect(isProofOf(proof(), CONNECT, unixTime(NOW + sign * (PROOF_LIFETIME_MS - 1_000)))).to.equal(true)
      expect(isProofOf(proof(), CONNECT, unixTime(NOW + sign * (PROOF_LIFETIME_MS + 1_000)))).to.equal(false)
    }
  })

  it('a device’s proof is not valid with a changed moment or key', () => {
    expect(isProofOf({ ...proof(), at: unixTime(proof().at + 1_000) }, CONNECT, NOW)).to.equal(false)
    const other = new Ed25519PrivateKey(new Uint8Array(32).fill(8)).publicKey
    expect(isProofOf({ ...proof(), key: other }, CONNECT, NOW)).to.equal(false)
  })

  it('a device’s proof does not show the token', () => {
    expect(deviceProof(KEY, { ...CONNECT, token: 'token-in-clear' }, NOW)).not.to.include('token-in-clear')
  })

  it('a device’s proof is read only in the form in which it is written', () => {
    const text = deviceProof(KEY, CONNECT, NOW)
    for (const odd of [`${text} `, `${text}A`, text.slice(0, -1), text.replace('v1', 'v2'), `${text}, ${text}`, '']) {
      expect(readDeviceProof(odd)).to.equal(undefined)
    }
    fc.assert(
      fc.property(fc.string(), (odd) => {
        expect(readDeviceProof(odd)).to.equal(undefined)
      }),
    )
  })

  it('a device’s key has a fingerprint as ssh shows one', () => {
    // The SHA-256 of nothing is in FIPS 180-4's examples.
    expect(deviceKeyFingerprint(new Uint8Array())).to.equal('SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU')
  })
})
