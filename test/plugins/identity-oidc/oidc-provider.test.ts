import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import type { SignInStep } from '../../../core/contract/identity-provider.ts'
import { unixTime } from '../../../core/runtime/time.ts'
import { createHttpClient } from '../../../hosts/runtime/index.ts'
import { Kept, Settings } from '../../../plugins/identity-oidc/config.ts'
import { OidcProvider } from '../../../plugins/identity-oidc/oidc-provider.ts'
import { identityProviderSuite } from '../../conformance/identity-provider.ts'
import { Browser } from '../../kit/browser.ts'
import { FORGERIES, ForgingProvider, type Forgery } from '../../kit/forging-provider.ts'
import { LoopbackServer } from '../../kit/loopback-server.ts'
import { confirmSignOut, OPENID_CLIENT, OpenidProvider } from '../../kit/openid-provider.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'
import { signInDesk } from '../../kit/sign-in-desk.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'

const CALLBACK = 'http://127.0.0.1:9/auth/callback/an-id'
const SHARED = 'http://127.0.0.1:9/auth/oidc/callback'
let instances = 0
const create = () =>
  new OidcProvider({
    random: new SeededRandom(`oidc-${instances++}`),
    http: createHttpClient(),
    logger: new RecordingLogger(),
  })

/** URL of a server that has stopped. */
const deadUrl = async (): Promise<string> => {
  const server = await LoopbackServer.start(() => undefined)
  await server.stop()
  return server.url
}

const settingsFor = (issuer: string): Settings =>
  Settings.parse({ issuer, client_id: OPENID_CLIENT.id, client_secret: OPENID_CLIENT.secret, allow_http: true })

const walk = (login: string) => async (step: SignInStep) => {
  if (step.type !== 'redirect') throw new Error(`expected a redirect: ${JSON.stringify(step)}`)
  return { url: await new Browser().follow(step.url, { until: (url) => url.startsWith(CALLBACK), login }) }
}

const asked = (settings: Settings) => ({
  settings,
  callbackUrl: CALLBACK,
  sharedCallbackUrl: SHARED,
  now: unixTime(Date.now()),
  signal: AbortSignal.timeout(60_000),
  desk: signInDesk(),
})

const signIn = async (provider: OidcProvider, settings: Settings, login = 'ada'): Promise<SignInStep> => {
  const step = await provider.begin(asked(settings))
  if (step.type !== 'redirect') return step
  return provider.proceed({ ...asked(settings), keep: step.keep, fields: {}, ...(await walk(login)(step)) })
}

describe('identity-oidc against an unmodified oidc-provider', () => {
  let provider: OpenidProvider
  let dead: string
  before(async () => {
    dead = await deadUrl()
    provider = await OpenidProvider.start({ redirectUris: [CALLBACK] })
  })
  after(() => provider.stop())

  identityProviderSuite('oidc', () => ({
    create,
    keep: Kept,
    settings: settingsFor(provider.issuer),
    unreachable: settingsFor(dead),
    callbackUrl: CALLBACK,
    walk: walk('ada'),
    expected: {
      issuer: provider.issuer,
      subject: 'ada',
      name: 'Ada Example',
      email: 'ada@example.org',
      emailVerified: true,
    },
  }))

  it('S3 identity-oidc asks with PKCE S256, state and nonce', async () => {
    const step = await create().begin(asked(settingsFor(provider.issuer)))
    const query = new URL(step.type === 'redirect' ? step.url : 'about:blank').searchParams
    expect(query.get('code_challenge_method')).to.equal('S256')
    for (const name of ['code_challenge', 'state', 'nonce']) expect(query.get(name)).to.have.length(43)
    expect(query.get('redirect_uri')).to.equal(CALLBACK)
  })

  it('S3 identity-oidc refuses a code that was bound to another verifier', async () => {
    const oidc = create()
    const step = await oidc.begin(asked(settingsFor(provider.issuer)))
    if (step.type !== 'redirect') throw new Error('no redirect')
    const back = await walk('ada')(step)
    const keep = { ...step.keep, verifier: 'x'.repeat(43) }
    const end = await oidc.proceed({ ...asked(settingsFor(provider.issuer)), keep, fields: {}, ...back })
    expect(end).to.have.nested.property('refusal.code', 'invalid_grant')
  })

  it('identity-oidc does not take an address for verified that the provider does not vouch for', async () => {
    const step = await signIn(create(), settingsFor(provider.issuer), 'unverified')
    expect(step).to.have.nested.property('identity.emailVerified', false)
  })

  it('identity-oidc says so when the person declines', async () => {
    expect(await signIn(create(), settingsFor(provider.issuer), '')).to.have.nested.property(
      'refusal.code',
      'access_denied',
    )
  })

  it('identity-oidc tells the groups and claims that its settings name, and how and when the person authenticated', async () => {
    const settings = { groups_claim: 'groups', claims: ['name'], parameters: { max_age: '3600' } }
    const before = Date.now()
    const step = await signIn(create(), Settings.parse({ ...settingsFor(provider.issuer), ...settings }))
    expect(step)
      .to.have.nested.property('identity')
      .that.deep.includes({
        groups: ['staff', 'adas'],
        claims: { name: 'Ada Example' },
      })
    expect(step)
      .to.have.nested.property('identity.authentication.at')
      .that.is.within(before - 1_000, Date.now())
    expect(await signIn(create(), settingsFor(provider.issuer)))
      .to.have.property('identity')
      .that.does.not.have.any.keys('groups', 'claims')
  })

  it('identity-oidc ends the session at the provider, which knows it by the hint', async () => {
    const oidc = create()
    const settings = settingsFor(provider.issuer)
    const browser = new Browser()
    const begun = await oidc.begin(asked(settings))
    if (begun.type !== 'redirect') throw new Error('no redirect')
    const until = (url: string) => url.startsWith(CALLBACK)
    const url = await browser.follow(begun.url, { until, login: 'ada' })
    const step = await oidc.proceed({ ...asked(settings), keep: begun.keep, fields: {}, url })
    const hint = step.type === 'identified' ? step.identity.signOutHint : undefined
    if (hint === undefined) throw new Error(JSON.stringify(step))
    const end = await oidc.signOut({ ...asked(settings), hint, returnUrl: CALLBACK })
    if (end.type !== 'redirect') throw new Error('no redirect')
    expect(new URL(end.url).searchParams.get('id_token_hint')).to.equal(hint)
    expect(await confirmSignOut(browser, end.url)).to.equal(CALLBACK)
    const again = await oidc.begin(asked(settings))
    const form = await browser.send(
      new URL(
        (await browser.send(again.type === 'redirect' ? again.url : '')).headers.get('location') ?? '',
        provider.issuer,
      ).href,
    )
    expect(await form.text(), 'the provider asks who it is').to.contain('name="login"')
  })

  it('identity-oidc refuses a provider without TLS unless the settings allow it', () => {
    const verdict = Settings.safeParse({ issuer: provider.issuer, client_id: 'x' })
    expect(verdict.success).to.equal(false)
  })
})

describe('identity-oidc against a provider that lies', () => {
  let provider: ForgingProvider
  before(async () => {
    provider = await ForgingProvider.start()
  })
  after(() => provider.stop())

  const attempt = async (forgery: Forgery, oidc = create()): Promise<SignInStep> => {
    provider.forgery = forgery
    return signIn(oidc, settingsFor(provider.issuer))
  }

  it('identity-oidc identifies the person while the provider tells the truth', async () => {
    expect(await attempt('none')).to.have.nested.property('identity.subject', 'ada')
  })

  for (const forgery of FORGERIES.filter((name) => name !== 'none')) {
    it(`S3 refuses ${forgery.replaceAll('-', ' ')}`, async () => {
      const step = await attempt(forgery)
      expect(step.type, JSON.stringify(step)).to.equal('refused')
      const { publicText, code } = step.type === 'refused' ? step.refusal : { publicText: '', code: '' }
      expect(publicText).not.to.include(OPENID_CLIENT.secret)
      expect(code).to.match(/^[a-z_]+$/)
    })
  }

  it('S3 a key rotation at the provider costs one attempt at most', async () => {
    const oidc = create()
    expect((await attempt('none', oidc)).type).to.equal('identified')
    provider.rotateKey()
    const [first, second] = [await attempt('none', oidc), await attempt('none', oidc)]
    if (first.type === 'refused') expect(first.refusal.tryAgain).to.equal(true)
    expect(second.type).to.equal('identified')
  })

  it('S3 the provider being down stops nothing but its own sign-ins, and it is back when it is back', async () => {
    const oidc = create()
    const down = await oidc.begin(asked(settingsFor(await deadUrl())))
    expect(down).to.have.nested.property('refusal.code', 'provider_unreachable')
    expect((await attempt('none', oidc)).type).to.equal('identified')
  })
})
