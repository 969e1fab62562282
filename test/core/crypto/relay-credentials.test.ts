import { expect } from 'chai'
import { describe, it } from 'mocha'
import {
  coturnPassword,
  relayUsernameExpiry,
  stampedRelayCredentials,
  stampedRelayPassword,
} from '../../../core/crypto/relay-credentials.ts'
import vectors from '../../vector/protocol/vectors.json' with { type: 'json' }

describe('credentials at relays, against the known answers of the protocol', () => {
  it('derives the credentials at a released relay', () => {
    const { publicKey, expiry, stampSecret, username, password } = vectors.turnPasswords.firezoneRelay
    expect(stampedRelayCredentials({ publicKey, expiry, stampSecret })).to.deep.equal({ username, password })
  })

  it('derives the password of a user name that a peer shows', () => {
    const { expiry, stampSecret, username, password } = vectors.turnPasswords.firezoneRelay
    expect(stampedRelayPassword({ username, stampSecret })).to.equal(password)
    expect(relayUsernameExpiry(username)).to.equal(expiry)
  })

  for (const username of [
    '',
    'ada',
    ':salt',
    '1767830400',
    '1767830400:',
    '-1:salt',
    '1e9:salt',
    `${'9'.repeat(13)}:salt`,
  ]) {
    it(`knows no password of the user name "${username}"`, () => {
      expect(stampedRelayPassword({ username, stampSecret: 'secret' })).to.equal(undefined)
    })
  }

  it('derives the password at coturn', () => {
    const { secret, username, password } = vectors.turnPasswords.coturnRest
    expect(coturnPassword({ secret, username })).to.equal(password)
  })
})
