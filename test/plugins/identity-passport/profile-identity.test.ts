import { expect } from 'chai'
import { describe, it } from 'mocha'
import { Config } from '../../../plugins/identity-passport/config.ts'
import { identityIn, memberIn, type PersonSources } from '../../../plugins/identity-passport/profile-identity.ts'
import { profileAsIs } from '../../../plugins/identity-passport/verify.ts'

const identity = (sources: PersonSources, more: object = {}) => {
  const { strategies } = Config.parse({ strategies: { tested: { package: 'x', issuer: 'the hub', ...more } } })
  const { tested } = strategies
  if (tested === undefined) throw new Error('no strategy')
  const found = identityIn(sources, tested)
  if (typeof found === 'string') return found
  const { emailDoubt: _, ...rest } = found
  return rest
}

describe('the identity in a profile of Passport', () => {
  it('a profile as Passport describes it has id, name and addresses', () => {
    const profile = {
      provider: 'hub',
      id: 17,
      displayName: 'Ada',
      emails: [{ value: 'ada@example.org', verified: true }],
    }
    expect(identity({ profile })).to.deep.equal({
      issuer: 'the hub',
      subject: '17',
      name: 'Ada',
      email: 'ada@example.org',
      emailVerified: true,
    })
  })

  it('the primary address counts before others, and is verified if the list says so', () => {
    const emails = [
      { value: 'old@example.org', primary: false, verified: true },
      { value: 'ada@example.org', primary: true, verified: true },
    ]
    const of = (_json: object) => identity({ profile: { id: 'a', emails, _json } })
    expect(of({ email: null })).to.include({ email: 'ada@example.org', emailVerified: true })
    expect(of({ email: 'OLD@example.org' }), 'it is in the list').to.include({
      email: 'OLD@example.org',
      emailVerified: true,
    })
    expect(of({ email: 'x@example.org' }), 'nobody vouches for it').to.include({
      email: 'x@example.org',
      emailVerified: false,
    })
  })

  it('an address of a trusted domain counts unless it is said not to be verified', () => {
    const trusting = { trusted_email_domains: ['example.org'], profile: { email: 'mail' } }
    expect(identity({ profile: { id: 'a', mail: 'a@example.org' } }, trusting)).to.include({ emailVerified: true })
    expect(identity({ profile: { id: 'a', mail: 'a@example.com' } }, trusting)).to.include({ emailVerified: false })
    const denied = { id: 'a', mail: 'a@example.org', email_verified: false }
    expect(identity({ profile: denied }, trusting)).to.include({ emailVerified: false })
  })

  it('a verified ID token names person and issuer, and contradictions identify nobody', () => {
    const idToken = { iss: 'https://id.example.org', sub: 'ada' }
    expect(identity({ idToken, profile: {} })).to.include({ issuer: 'https://id.example.org', subject: 'ada' })
    expect(identity({ idToken, profile: { id: 'eve' } })).to.equal('subject_mismatch')
    expect(identity({ idToken, profile: {}, userinfo: { sub: 'eve' } })).to.equal('subject_mismatch')
  })

  it('nobody is named by an id that is missing, empty, or no text', () => {
    for (const id of [undefined, null, '', {}, true]) expect(identity({ profile: { id } })).to.equal('nobody_named')
    expect(identity({ profile: {} }, { profile: { subject: 'dn' } })).to.equal('nobody_named')
  })

  it('a member is looked for in the ID token first, and never among what every object has', () => {
    const found = memberIn({
      idToken: { iss: 'x', sub: 'a', groups: ['token'] },
      userinfo: { groups: ['userinfo'], teams: ['userinfo'] },
      profile: { _json: { teams: ['raw'], mail: 'raw' }, mail: 'profile' },
    })
    expect([found('groups'), found('teams'), found('mail')]).to.deep.equal([['token'], ['userinfo'], 'raw'])
    expect(found('constructor')).to.equal(undefined)
  })

  it('without a verify the person is the profile among what a strategy found out', () => {
    const takes = (...found: unknown[]): unknown => {
      let taken: unknown
      profileAsIs(...found, (_: unknown, user: unknown) => {
        taken = user
      })
      return taken
    }
    const profile = { id: '1' }
    expect(takes('access', undefined, profile)).to.equal(profile)
    expect(takes('https://id.example.org', profile, { id: '1', name: 2 }, {}, 'token', 'a', 'r', {})).to.equal(profile)
    expect(takes({ body: {} }, { dn: 'cn=ada' }), 'passReqToCallback').to.deep.equal({ dn: 'cn=ada' })
    expect(takes('nothing')).to.equal(false)
  })
})
