import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import type { SignInStep } from '../../../core/contract/identity-provider.ts'
import { Kept } from '../../../plugins/identity-passport/config.ts'
import type { PassportProvider } from '../../../plugins/identity-passport/passport-provider.ts'
import { identityProviderSuite } from '../../conformance/identity-provider.ts'
import { Browser } from '../../kit/browser.ts'
import { LoopbackServer } from '../../kit/loopback-server.ts'
import { OPENID_CLIENT, OpenidProvider } from '../../kit/openid-provider.ts'
import { PASSPORT_CALLBACK, passportReply, passportRequest, startedPassport } from '../../kit/passport-provider.ts'

const strategyFor = (issuer: string, more: object = {}) => ({
  package: 'passport-oauth2',
  options: {
    authorizationURL: `${issuer}/auth`,
    tokenURL: `${issuer}/token`,
    clientID: OPENID_CLIENT.id,
    scope: ['openid', 'profile', 'email'],
  },
  secret_files: { clientSecret: 'secret' },
  token_endpoint_auth_method: 'client_secret_basic',
  issuer: 'https://id.example.org',
  id_token: 'unused',
  userinfo_url: `${issuer}/me`,
  ...more,
})

const walk = async (step: SignInStep<Kept>) => {
  if (step.type !== 'redirect') throw new Error(`expected a redirect: ${JSON.stringify(step)}`)
  const until = (url: string) => url.startsWith(PASSPORT_CALLBACK)
  return { url: await new Browser().follow(step.url, { until, login: 'ada' }) }
}

describe('identity-passport with passport-oauth2 and a userinfo endpoint, against an unmodified oidc-provider', () => {
  let openid: OpenidProvider
  let plain: PassportProvider
  let own: PassportProvider
  before(async () => {
    openid = await OpenidProvider.start({ redirectUris: [PASSPORT_CALLBACK] })
    plain = await startedPassport(strategyFor(openid.issuer))
    const { options } = strategyFor(openid.issuer)
    own = await startedPassport(strategyFor(openid.issuer, { options: { ...options, state: true, pkce: true } }))
  })
  after(() => openid.stop())

  const suite = (name: string, create: () => PassportProvider): void =>
    identityProviderSuite<unknown, Kept>(name, () => ({
      create,
      keep: Kept,
      settings: {},
      callbackUrl: PASSPORT_CALLBACK,
      walk,
      expected: {
        issuer: 'https://id.example.org',
        subject: 'ada',
        name: 'Ada Example',
        email: 'ada@example.org',
        emailVerified: true,
      },
    }))
  suite('passport-oauth2, without state and PKCE of its own', () => plain)
  suite('passport-oauth2, with state and PKCE of its own', () => own)

  it('state and PKCE of the strategy are left as they are', async () => {
    const step = await own.begin(passportRequest())
    const query = new URL(step.type === 'redirect' ? step.url : 'about:blank').searchParams
    expect(step).to.have.nested.property('keep.state', query.get('state'))
    expect(step).not.to.have.nested.property('keep.verifier')
    expect(query.getAll('code_challenge')).to.have.length(1)
  })

  it('the choice of another account asks the person to sign in again', async () => {
    const step = await plain.begin(passportRequest({ chooseAccount: true }))
    expect(new URL(step.type === 'redirect' ? step.url : 'about:blank').searchParams.get('prompt')).to.equal('login')
  })
})

describe('identity-passport with passport-oauth2, at services as they are', () => {
  let service: LoopbackServer
  let asked: { url: string; authorization: string | undefined }[] = []
  let token: { status?: number; body: string } = { body: '' }
  let person: { status?: number; body: string } = { body: '' }
  before(async () => {
    service = await LoopbackServer.start((request, response) => {
      asked.push({ url: request.url ?? '', authorization: request.headers.authorization })
      const { status = 200, body } = request.url === '/token' ? token : person
      response.writeHead(status).end(body)
    })
  })
  after(() => service.stop())

  const signIn = async (more: object = {}): Promise<SignInStep<Kept>> => {
    asked = []
    const { options } = strategyFor(service.url)
    const provider = await startedPassport(
      strategyFor(service.url, {
        options: { ...options, scope: ['email'] },
        id_token: undefined,
        token_endpoint_auth_method: 'client_secret_post',
        ...more,
      }),
    )
    const step = await provider.begin(passportRequest())
    if (step.type !== 'redirect') throw new Error(JSON.stringify(step))
    const url = `${PASSPORT_CALLBACK}?code=the-code&state=${step.keep.state ?? ''}`
    return provider.proceed(passportReply(step.keep, { url }))
  }
  const refusal = async (more: object = {}) => {
    const step = await signIn(more)
    if (step.type !== 'refused') throw new Error(JSON.stringify(step))
    expect(JSON.stringify(step), 'no secret is told').not.to.match(/the-access-token|the-code|a-secret-of-the-tests/)
    return step.refusal
  }

  it('a person is known by the members that the configuration names, and an access token is in no URL', async () => {
    token = { body: 'access_token=the-access-token&token_type=bearer' }
    person = { body: JSON.stringify({ id: 4711, login: 'ada', mail: 'ada@example.org', teams: ['a', 'b'] }) }
    const profile = { subject: 'id', name: 'login', email: 'mail', groups: 'teams' }
    const step = await signIn({ profile, trusted_email_domains: ['example.org'] })
    expect(step).to.deep.equal({
      type: 'identified',
      identity: {
        issuer: 'https://id.example.org',
        subject: '4711',
        name: 'ada',
        email: 'ada@example.org',
        emailVerified: true,
        groups: ['a', 'b'],
      },
    })
    expect(asked.map(({ url }) => url)).to.deep.equal(['/token', '/me'])
    expect(asked.at(-1)?.authorization).to.equal('Bearer the-access-token')
  })

  it('a person without an id is nobody', async () => {
    token = { body: JSON.stringify({ access_token: 'the-access-token' }) }
    person = { body: JSON.stringify({ login: 'ada' }) }
    expect(await refusal()).to.include({ code: 'nobody_named', providerFails: true })
  })

  it('what a service answers wrongly is its failure, without a part of the answer in log or page', async () => {
    person = { status: 401, body: 'the-access-token is over' }
    expect((await refusal()).detail).to.contain('status 401')
    person = { body: '[]' }
    expect((await refusal()).code).to.equal('provider_failed')
    token = { status: 500, body: 'the-code' }
    expect((await refusal()).detail).to.contain('status 500')
    token = { status: 400, body: JSON.stringify({ error: 'invalid_client', error_description: 'the-code is bad' }) }
    expect((await refusal()).detail).to.equal('[secret] is bad invalid_client')
    token = { body: '{}' }
    expect((await refusal()).code).to.equal('provider_failed')
    token = { body: 'x'.repeat(600 * 1_024) }
    expect((await refusal()).code).to.equal('provider_failed')
  })

  it('a service that is down is unreachable', async () => {
    const dead = await LoopbackServer.start(() => undefined)
    await dead.stop()
    const { options } = strategyFor(service.url)
    const away = { ...options, scope: ['email'], tokenURL: `${dead.url}/token` }
    expect((await refusal({ options: away })).code).to.equal('provider_unreachable')
  })
})
