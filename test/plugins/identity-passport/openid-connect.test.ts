import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import type { SignInStep } from '../../../core/contract/identity-provider.ts'
import { Kept } from '../../../plugins/identity-passport/config.ts'
import type { PassportProvider } from '../../../plugins/identity-passport/passport-provider.ts'
import { identityProviderSuite } from '../../conformance/identity-provider.ts'
import { Browser } from '../../kit/browser.ts'
import { ForgingProvider, type Forgery, type Sayings } from '../../kit/forging-provider.ts'
import { OPENID_CLIENT, OpenidProvider } from '../../kit/openid-provider.ts'
import { PASSPORT_CALLBACK, passportReply, passportRequest, startedPassport } from '../../kit/passport-provider.ts'

/** Configuration of passport-openidconnect for an issuer, with its endpoints at the paths of `oidc-provider` by default. */
const strategyFor = (issuer: string, paths = { keys: 'jwks', info: 'me' }, more: object = {}) => ({
  package: 'passport-openidconnect',
  options: {
    issuer,
    authorizationURL: `${issuer}/auth`,
    tokenURL: `${issuer}/token`,
    userInfoURL: `${issuer}/${paths.info}`,
    clientID: OPENID_CLIENT.id,
    scope: ['profile', 'email'],
  },
  secret_files: { clientSecret: 'secret' },
  token_endpoint_auth_method: 'client_secret_basic',
  id_token: { issuer, jwks_uri: `${issuer}/${paths.keys}` },
  profile: { groups: 'groups', claims: ['name'] },
  ...more,
})

const walk = async (step: SignInStep<Kept>) => {
  if (step.type !== 'redirect') throw new Error(`expected a redirect: ${JSON.stringify(step)}`)
  const until = (url: string) => url.startsWith(PASSPORT_CALLBACK)
  return { url: await new Browser().follow(step.url, { until, login: 'ada' }) }
}

const signIn = async (provider: PassportProvider): Promise<SignInStep<Kept>> => {
  const step = await provider.begin(passportRequest())
  return step.type === 'redirect' ? provider.proceed(passportReply(step.keep, await walk(step))) : step
}

const codeOf = (step: SignInStep<Kept>): string => (step.type === 'refused' ? step.refusal.code : step.type)

describe('identity-passport with passport-openidconnect, against an unmodified oidc-provider', () => {
  let openid: OpenidProvider
  let provider: PassportProvider
  let another: PassportProvider
  before(async () => {
    openid = await OpenidProvider.start({ redirectUris: [PASSPORT_CALLBACK] })
    provider = await startedPassport(strategyFor(openid.issuer))
    another = await startedPassport(strategyFor(openid.issuer))
  })
  after(() => openid.stop())

  let turns = 0
  identityProviderSuite<unknown, Kept>('passport-openidconnect', () => ({
    create: () => (turns++ % 2 === 0 ? provider : another),
    keep: Kept,
    settings: {},
    callbackUrl: PASSPORT_CALLBACK,
    walk,
    expected: {
      issuer: openid.issuer,
      subject: 'ada',
      name: 'Ada Example',
      email: 'ada@example.org',
      emailVerified: true,
      groups: ['staff', 'adas'],
      claims: { name: 'Ada Example' },
    },
  }))

  it('an authorization request has the state, nonce and PKCE that the strategy lacks', async () => {
    const step = await provider.begin(passportRequest())
    const query = new URL(step.type === 'redirect' ? step.url : 'about:blank').searchParams
    expect(Object.fromEntries(query)).to.include({ redirect_uri: PASSPORT_CALLBACK, code_challenge_method: 'S256' })
    expect(query.get('nonce')).to.have.length(43)
    expect(query.get('code_challenge')).to.have.length(43)
    expect(step).to.have.nested.property('keep.state', query.get('state'))
  })

  it('a code is refused that was bound to another verifier, and neither code nor secret is told', async () => {
    const step = await provider.begin(passportRequest())
    if (step.type !== 'redirect') throw new Error(codeOf(step))
    const back = await walk(step)
    const end = await provider.proceed(passportReply({ ...step.keep, verifier: 'x'.repeat(43) }, back))
    expect(codeOf(end)).to.equal('provider_failed')
    const code = new URL(back.url).searchParams.get('code') ?? ''
    for (const secret of [code, OPENID_CLIENT.secret]) expect(JSON.stringify(end)).not.to.contain(secret)
  })

  it('somebody who declines is told so', async () => {
    const step = await provider.begin(passportRequest())
    if (step.type !== 'redirect') throw new Error(codeOf(step))
    const until = (url: string) => url.startsWith(PASSPORT_CALLBACK)
    const url = await new Browser().follow(step.url, { until, login: '' })
    expect(codeOf(await provider.proceed(passportReply(step.keep, { url })))).to.equal('access_denied')
  })
})

describe('identity-passport with passport-openidconnect, against a provider that lies', () => {
  let forging: ForgingProvider
  let provider: PassportProvider
  before(async () => {
    forging = await ForgingProvider.start()
    provider = await startedPassport(strategyFor(forging.issuer, { keys: 'jwks', info: 'userinfo' }))
  })
  after(() => forging.stop())

  const HONEST: Sayings = { userinfo: { body: { sub: 'ada', email: 'ada@example.org', email_verified: true } } }
  const attempt = async (forgery: Forgery, says: Sayings = HONEST): Promise<SignInStep<Kept>> => {
    Object.assign(forging, { forgery, says })
    return signIn(provider)
  }

  it('the forging provider signs people in while it tells the truth', async () => {
    expect(await attempt('none')).to.have.nested.property('identity.subject', 'ada')
  })

  const LIES: Partial<Record<Forgery, string>> = {
    'a-forged-signature': 'id_token_invalid',
    'a-token-without-a-signature': 'id_token_invalid',
    'a-symmetric-signature-with-the-public-key': 'id_token_invalid',
    'another-nonce': 'id_token_invalid',
    'no-nonce': 'id_token_invalid',
    'a-token-that-is-not-valid-yet': 'id_token_invalid',
    'another-issuer': 'access_denied',
    'another-audience': 'access_denied',
    'an-expired-token': 'access_denied',
    'another-state': 'state_mismatch',
    'no-token': 'provider_failed',
  }
  for (const [lie, code] of Object.entries(LIES)) {
    it(`S3 identity-passport refuses ${lie.replaceAll('-', ' ')}`, async () => {
      const step = await attempt(lie as Forgery)
      expect(codeOf(step), JSON.stringify(step)).to.equal(code)
    })
  }

  it('a rotation of the issuer’s keys locks nobody out', async () => {
    expect((await attempt('none')).type).to.equal('identified')
    forging.rotateKey()
    expect((await attempt('none')).type).to.equal('identified')
  })

  it('what userinfo says of another person is not believed', async () => {
    const step = await attempt('none', { userinfo: { body: { sub: 'eve', email: 'eve@example.org' } } })
    expect(codeOf(step)).to.equal('subject_mismatch')
  })

  it('an address counts as verified only if the one who names it says so', async () => {
    const said = async (body: object, claims: Record<string, unknown>) => {
      const step = await attempt('none', { userinfo: { body: { sub: 'ada', ...body } }, claims })
      return step.type === 'identified' ? [step.identity.email, step.identity.emailVerified] : codeOf(step)
    }
    const without = { email: undefined, email_verified: undefined }
    expect(await said({ email: 'ada@example.org' }, without)).to.deep.equal(['ada@example.org', false])
    expect(await said({ email: 'a@example.org', email_verified: 'true' }, without)).to.deep.equal([
      'a@example.org',
      true,
    ])
    const other = { email: 'eve@example.org', email_verified: true }
    expect(await said(other, { email_verified: undefined })).to.deep.equal(['ada@example.org', false])
  })

  it('time and methods of the authentication are those of the ID token', async () => {
    const step = await attempt('none', { ...HONEST, claims: { auth_time: 1_700_000_000, amr: ['pwd', 'otp'] } })
    expect(step)
      .to.have.nested.property('identity.authentication')
      .that.deep.equals({ at: 1_700_000_000_000, methods: ['pwd', 'otp'] })
  })

  it('an answer that names another issuer is refused', async () => {
    const step = await provider.begin(passportRequest())
    if (step.type !== 'redirect') throw new Error(codeOf(step))
    const url = `${(await walk(step)).url}&iss=https://evil.example.org`
    expect(codeOf(await provider.proceed(passportReply(step.keep, { url })))).to.equal('issuer_mismatch')
  })

  it('keys that cannot be fetched are a failure of the provider, not of the token', async () => {
    const broken = await startedPassport(strategyFor(forging.issuer, { keys: 'nowhere', info: 'userinfo' }))
    Object.assign(forging, { forgery: 'none', says: HONEST })
    expect(codeOf(await signIn(broken))).to.equal('provider_failed')
  })
})
