import { expect } from 'chai'
import { describe, it } from 'mocha'
import {
  accountOfUsername,
  coturnPassword,
  relayUsernameExpiry,
  saltWithAccount,
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

  it('H10 a user name carries its peer’s account for its relay alone, and looks alike for no two peers', () => {
    const accountId = '0192f3a1-7c55-4b1e-9a4e-0c6f2d7e8b90'
    const [ada, bob] = ['ada', 'bob'].map((salt) => saltWithAccount({ salt, accountId, stampSecret: 'secret' }))
    expect(ada).to.match(/^ada\.[A-Za-z0-9+/]{22}$/)
    expect(ada?.split('.')[1]).to.not.equal(bob?.split('.')[1])
    for (const salt of [ada, bob]) {
      const username = `1767830400:${salt}`
      expect(accountOfUsername({ username, stampSecret: 'secret' })).to.equal(accountId)
      expect(accountOfUsername({ username, stampSecret: 'another' })).to.not.equal(accountId)
      expect(stampedRelayPassword({ username, stampSecret: 'secret' })).to.have.length(43)
    }
    for (const username of ['', '1767830400:ada', '1767830400:ada.short', `1767830400:ada.${'!'.repeat(22)}`])
      expect(accountOfUsername({ username, stampSecret: 'secret' })).to.equal(undefined)
    expect(saltWithAccount({ salt: 'ada', accountId: 'no uuid', stampSecret: 'secret' })).to.equal('ada')
  })

  it('derives the password at coturn', () => {
    const { secret, username, password } = vectors.turnPasswords.coturnRest
    expect(coturnPassword({ secret, username })).to.equal(password)
  })
})
