import { expect } from 'chai'
import { describe, it } from 'mocha'
import { hmacSha1, sha256 } from '../../../core/crypto/hash.ts'
import { toBase64, toUnpaddedBase64 } from '../../../core/crypto/text-encoding.ts'
import vectors from '../../vector/protocol/vectors.json' with { type: 'json' }

// The portal has no relays yet. These functions keep the protocol's known answers tested until it does.

/** TURN credentials at a relay of the released dialect; `expiry` in unix seconds. One allocation per user name. */
const stampedRelayCredentials = (relay: {
  publicKey: string
  expiry: number
  stampSecret: string
}): { username: string; password: string } => {
  const salt = toUnpaddedBase64(sha256(relay.publicKey))
  return {
    username: `${relay.expiry}:${salt}`,
    password: toUnpaddedBase64(sha256(`${relay.expiry}:${relay.stampSecret}:${salt}`)),
  }
}

/** The TURN password of `<unix expiry>:<name>` at a coturn that runs with `use-auth-secret`. */
const coturnPassword = (relay: { secret: string; username: string }): string =>
  toBase64(hmacSha1(relay.secret, relay.username))

describe('credentials at relays, against the known answers of the protocol', () => {
  it('derives the credentials at a released relay', () => {
    const { publicKey, expiry, stampSecret, username, password } = vectors.turnPasswords.firezoneRelay
    expect(stampedRelayCredentials({ publicKey, expiry, stampSecret })).to.deep.equal({ username, password })
  })

  it('derives the password at coturn', () => {
    const { secret, username, password } = vectors.turnPasswords.coturnRest
    expect(coturnPassword({ secret, username })).to.equal(password)
  })
})
