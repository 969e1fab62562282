import { expect } from 'chai'
import { after, afterEach, before, describe, it } from 'mocha'
import type { Identity, Refusal, SignInStep } from '../../../core/contract/identity-provider.ts'
import { unixTime } from '../../../core/runtime/time.ts'
import { Settings } from '../../../plugins/identity-oidc/config.ts'
import { OAUTH_ERRORS } from '../../../plugins/identity-oidc/oauth-errors.ts'
import { OidcProvider } from '../../../plugins/identity-oidc/oidc-provider.ts'
import { Browser } from '../../kit/browser.ts'
import { ForgingProvider, type Sayings } from '../../kit/forging-provider.ts'
import { OPENID_CLIENT } from '../../kit/openid-provider.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'
import { createHttpClient } from '../../../hosts/runtime/index.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import { signInDesk } from '../../kit/sign-in-desk.ts'
import { TlsProxy } from '../../kit/tls-proxy.ts'

const CALLBACK = 'http://127.0.0.1:9/auth/callback/an-id'

describe('identity-oidc at providers as they are', () => {
  let provider: ForgingProvider
  before(async () => {
    provider = await ForgingProvider.start()
  })
  after(() => provider.stop())
  afterEach(() => {
    provider.says = {}
  })

  let instances = 0
  let logger = new RecordingLogger()
  const create = (): OidcProvider => {
    logger = new RecordingLogger()
    return new OidcProvider({ random: new SeededRandom(`kinds-${instances++}`), http: createHttpClient(), logger })
  }
  const settings = (more: object = {}): Settings =>
    Settings.parse({
      issuer: provider.issuer,
      client_id: OPENID_CLIENT.id,
      client_secret: OPENID_CLIENT.secret,
      allow_http: true,
      ...more,
    })
  const asked = (more: object) => ({
    settings: settings(more),
    callbackUrl: CALLBACK,
    sharedCallbackUrl: `${CALLBACK}/shared`,
    now: unixTime(Date.now()),
    signal: AbortSignal.timeout(60_000),
    desk: signInDesk(),
  })
  const signIn = async (says: Sayings, more: object = {}): Promise<SignInStep> => {
    provider.says = says
    const oidc = create()
    const step = await oidc.begin(asked(more))
    if (step.type !== 'redirect') return step
    const url = await new Browser().follow(step.url, { until: (each) => each.startsWith(CALLBACK), login: 'ada' })
    return oidc.proceed({ ...asked(more), keep: step.keep, fields: {}, url })
  }
  const identity = async (says: Sayings, more: object = {}): Promise<Identity> => {
    const step = await signIn(says, more)
    if (step.type !== 'identified') throw new Error(JSON.stringify(step))
    return step.identity
  }
  const refusal = async (says: Sayings, more: object = {}): Promise<Refusal> => {
    const step = await signIn(says, more)
    if (step.type !== 'refused') throw new Error(JSON.stringify(step))
    return step.refusal
  }

  describe('identity-oidc authenticates the client', () => {
    const method = async (supported: string[] | undefined, more: object = {}): Promise<string | undefined> => {
      const document = supported === undefined ? {} : { token_endpoint_auth_methods_supported: supported }
      await identity({ document }, more)
      return provider.clients.at(-1)
    }

    it('S3 the client authenticates as the discovery document says, by HTTP Basic where it says nothing or both', async () => {
      expect(await method(undefined)).to.equal('basic')
      expect(await method(['client_secret_basic'])).to.equal('basic')
      expect(await method(['client_secret_post', 'client_secret_basic'])).to.equal('basic')
      expect(await method(['client_secret_post'])).to.equal('post')
      expect(await method(['private_key_jwt', 'client_secret_post'])).to.equal('post')
    })

    it('S3 the client authenticates as the settings say, whatever the document does', async () => {
      const post = { token_endpoint_auth_method: 'client_secret_post' }
      expect(await method(['client_secret_basic'], post)).to.equal('post')
      expect(await method(undefined, post)).to.equal('post')
      expect(await method(['client_secret_post'], { token_endpoint_auth_method: 'client_secret_basic' })).to.equal(
        'basic',
      )
    })
  })

  describe('identity-oidc has words for what goes wrong', () => {
    it('S14 each error of each endpoint has words of its own, and its name is in log and trail', async () => {
      const words = new Map<string, string>()
      for (const error of Object.keys(OAUTH_ERRORS)) {
        const description = `because of ${error}`
        const there = await refusal({ error: { error, error_description: description } })
        const here = await refusal({ token: { status: 400, body: { error, error_description: description } } })
        for (const [at, told] of [
          ['authorization endpoint', there],
          ['token endpoint', here],
        ] as const) {
          expect(told.code, at).to.equal(error)
          expect(told.detail, at).to.contain(`${at}: ${error}: ${description}`)
          expect(told.publicText, at).not.to.contain(description)
        }
        words.set(error, here.publicText)
      }
      for (const [one, other] of [
        ['invalid_client', 'invalid_grant'],
        ['invalid_client', 'unauthorized_client'],
        ['access_denied', 'server_error'],
        ['invalid_scope', 'temporarily_unavailable'],
        ['login_required', 'consent_required'],
      ])
        expect(words.get(one ?? '')).not.to.equal(words.get(other ?? ''))
    })

    it('S14 a refused client has words of its own after 401, with a challenge, with or without a body', async () => {
      const challenge = { 'www-authenticate': 'Basic realm="x"' }
      for (const token of [
        { status: 401, body: { error: 'invalid_client', error_description: 'expired secret' } },
        { status: 401, headers: challenge, body: { error: 'invalid_client', error_description: 'expired secret' } },
        { status: 401, headers: challenge, body: '' },
        { status: 401, headers: { ...challenge, 'content-type': 'text/html' }, body: '<html>' },
      ]) {
        const told = await refusal({ token })
        expect(told, JSON.stringify(token)).to.include({ code: 'invalid_client', providerFails: true, tryAgain: false })
        expect(told.publicText).to.contain('client id or secret').and.not.contain('too long ago')
        expect(told.detail).to.contain('token_endpoint_auth_method')
      }
    })

    it('S14 an unknown error has words of its own, with its name in the detail and nothing that moves a terminal', async () => {
      const told = await refusal({ error: { error: 'x_weird', error_description: 'a\u001b[31mb\u202Ec' } })
      expect(told.code).to.equal('provider_refused')
      expect(told.detail).to.equal('authorization endpoint: x_weird: a?[31mb?c')
      expect((await refusal({ error: { error: 'constructor' } })).code).to.equal('provider_refused')
    })

    it('S14 malformed answers have words of their own, with their status', async () => {
      expect(await refusal({ token: { status: 500, body: {} } })).to.include({
        code: 'provider_failed',
        providerFails: true,
      })
      expect((await refusal({ token: { status: 500, body: {} } })).detail).to.contain('500')
      expect((await refusal({ userinfo: { status: 403, body: {} }, claims: { email: undefined } })).detail).to.match(
        /^userinfo endpoint: .*403/,
      )
    })

    it('S14 a certificate that is not trusted has words of its own', async () => {
      const proxy = await TlsProxy.start({ name: 'localhost', clientAddress: '127.0.0.1' })
      proxy.upstream = provider.issuer
      const step = await create().begin(asked({ issuer: `https://localhost:${proxy.port}` }))
      await proxy.stop()
      expect(step).to.have.nested.property('refusal.code', 'provider_untrusted')
      expect(step)
        .to.have.nested.property('refusal.detail')
        .that.matches(/^discovery: .*(?:SELF_SIGNED|UNABLE_TO|self-signed)/)
    })
  })

  describe('identity-oidc knows whether an address is vouched for', () => {
    it('S14 an address is vouched for by `true`, and by the text of Cognito and JumpCloud', async () => {
      for (const vouching of [true, 'true', 'True'])
        expect(await identity({ claims: { email_verified: vouching } })).to.include({ emailVerified: true })
      for (const vouching of [false, 'false', 'yes', 1, '1', 0, {}, ['true'], null, ''])
        expect(await identity({ claims: { email_verified: vouching } }), JSON.stringify(vouching)).to.include({
          email: 'ada@example.org',
          emailVerified: false,
        })
    })

    it('S14 an address is vouched for by another claim, as Entra’s, and for the domains that are its own', async () => {
      const claims = { email_verified: undefined }
      const without = await identity({ claims })
      expect(without).to.include({ emailVerified: false })
      expect(without.emailDoubt).to.contain('verified_claim').and.contain('trusted_email_domains')
      for (const xms_edov of [true, 'true', 1, '1'])
        expect(
          await identity({ claims: { ...claims, xms_edov } }, { verified_claim: 'xms_edov' }),
          String(xms_edov),
        ).to.include({ emailVerified: true })
      expect(await identity({ claims: { ...claims, xms_edov: 0 } }, { verified_claim: 'xms_edov' })).to.include({
        emailVerified: false,
      })
      const trusting = (domain: string) => ({ trusted_email_domains: [domain] })
      expect(await identity({ claims }, trusting('Example.ORG.'))).to.include({ emailVerified: true })
      for (const other of ['example.com', 'ample.org', 'mail.example.org'])
        expect(await identity({ claims }, trusting(other)), other).to.include({ emailVerified: false })
      expect(
        await identity({ claims: { email_verified: false } }, trusting('example.org')),
        'it says that it does not',
      ).to.include({ emailVerified: false })
    })

    it('S14 the address is found in the claim that has it', async () => {
      const claims = { email: undefined, upn: 'ada@example.org' }
      expect(await identity({ claims }, { email_claim: 'upn' })).to.include({
        email: 'ada@example.org',
        emailVerified: true,
      })
    })

    it('S14 userinfo is asked where the ID token has no address, an empty one, or none that is said to be verified', async () => {
      const body = { sub: 'ada', email: 'ada@example.org', email_verified: true }
      for (const claims of [
        { email: undefined, email_verified: undefined },
        { email: '', email_verified: false },
        { email: ' ', email_verified: true },
        { email_verified: undefined },
      ])
        expect(await identity({ claims, userinfo: { body } }), JSON.stringify(claims)).to.include({
          email: 'ada@example.org',
          emailVerified: true,
        })
    })

    it('S14 userinfo is believed about the same person and the same address only', async () => {
      const claims = { email_verified: undefined }
      const other = { sub: 'ada', email: 'eve@example.org', email_verified: true }
      expect(await identity({ claims, userinfo: { body: other } })).to.include({
        email: 'ada@example.org',
        emailVerified: false,
      })
      const stranger = { sub: 'eve', email: 'ada@example.org', email_verified: true }
      expect((await signIn({ claims, userinfo: { body: stranger } })).type).to.equal('refused')
      const silent = { sub: 'ada', email_verified: true }
      expect(await identity({ claims, userinfo: { body: silent } })).to.include({ emailVerified: true })
      const empty = {
        claims: { email: '', email_verified: true },
        userinfo: { body: { sub: 'ada', email: 'eve@example.org' } },
      }
      expect(await identity(empty), 'the flag was of an empty address').to.include({ emailVerified: false })
    })

    it('addresses of an issuer for everybody’s tenant are not trusted', () => {
      const body = { client_id: 'x', trusted_email_domains: ['example.org'] }
      for (const tenant of ['common', 'organizations', 'consumers']) {
        const issuer = `https://login.microsoftonline.com/${tenant}/v2.0`
        expect(Settings.safeParse({ ...body, issuer }).success, tenant).to.equal(false)
      }
      const own = 'https://login.microsoftonline.com/1dd3ac46-5d9b-4d9c-9d0c-0d2a2f3b8a11/v2.0'
      expect(Settings.safeParse({ ...body, issuer: own }).success).to.equal(true)
    })
  })

  describe('identity-oidc asks as it is set up to', () => {
    const query = async (more: object, request: object = {}): Promise<URLSearchParams> => {
      const step = await create().begin({ ...asked(more), ...request })
      return new URL(step.type === 'redirect' ? step.url : 'about:blank').searchParams
    }

    it('an authorization request has prompt, login_hint and further parameters', async () => {
      const sent = await query({ prompt: 'login', login_hint: '@example.org', parameters: { hd: 'example.org' } })
      expect(Object.fromEntries(sent)).to.include({ prompt: 'login', login_hint: '@example.org', hd: 'example.org' })
    })

    it('an authorization request for another account goes by a way that the provider knows', async () => {
      expect((await query({ login_hint: 'ada' }, { chooseAccount: true })).has('login_hint')).to.equal(false)
      expect((await query({ prompt: 'consent' }, { chooseAccount: true })).get('prompt')).to.equal('select_account')
      provider.says = { document: { prompt_values_supported: ['login', 'consent'] } }
      expect((await query({}, { chooseAccount: true })).get('prompt')).to.equal('login')
    })

    it('an authorization request’s further parameters never replace the protocol’s', () => {
      for (const name of [
        'state',
        'STATE',
        'nonce',
        'redirect_uri',
        'client_id',
        'scope',
        'response_type',
        'response_mode',
        'code_challenge',
        'request',
        'request_uri',
        'prompt',
        'a b',
        '__proto__ ',
        '',
      ])
        expect(() => settings({ parameters: { [name]: 'x' } }), name).to.throw()
    })
  })

  describe('identity-oidc tells what the provider says beside who it is', () => {
    const named = { groups_claim: 'groups', claims: ['department', 'level'] }

    it('claims are told that the settings name, from the ID token or from userinfo', async () => {
      const body = { sub: 'ada', groups: 'only', department: 'Legal', salary: 1 }
      expect(await identity({ claims: { level: 0, amr: ['mfa'] }, userinfo: { body } }, named)).to.deep.include({
        groups: ['only'],
        claims: { department: 'Legal', level: 0 },
        authentication: { methods: ['mfa'] },
      })
    })

    it('the log names claims that are too long and were left out, and not what they say', async () => {
      const claims = { groups: ['a'.repeat(257)], department: 'Sales' }
      expect(await identity({ claims }, named)).not.to.have.property('groups')
      const line = logger.lines.find(({ message }) => message.includes('left out'))
      expect(line?.fields).to.deep.equal({ provider: provider.issuer, claims: ['groups'] })
    })

    it('a token of an authentication that is older than the settings ask for is refused', async () => {
      const old = { auth_time: Math.floor(Date.now() / 1_000) - 7_200 }
      const asking = { parameters: { max_age: '3600' } }
      expect((await signIn({ claims: old }, asking)).type).to.equal('refused')
      expect((await signIn({}, asking)).type, 'it does not say').to.equal('refused')
    })
  })

  describe('identity-oidc signs out', () => {
    const signOut = async (says: Sayings, hint?: string) => {
      provider.says = says
      return create().signOut({
        ...asked({}),
        returnUrl: 'http://127.0.0.1:9/x',
        ...(hint === undefined ? {} : { hint }),
      })
    }
    const document = { end_session_endpoint: 'http://127.0.0.1:9/end?x=1' }

    it('a sign-out leads to the provider, with the ID token where it is known', async () => {
      const query = async (hint?: string) => {
        const step = await signOut({ document }, hint)
        return Object.fromEntries(new URL(step.type === 'redirect' ? step.url : 'about:blank').searchParams)
      }
      const always = { x: '1', client_id: OPENID_CLIENT.id, post_logout_redirect_uri: 'http://127.0.0.1:9/x' }
      expect(await query('a.b.c')).to.deep.equal({ ...always, id_token_hint: 'a.b.c' })
      expect(await query()).to.deep.equal(always)
    })

    it('a provider without an end of session has nothing to do at a sign-out, and no ID token is kept for it', async () => {
      expect(await signOut({}, 'a.b.c')).to.deep.equal({ type: 'done' })
      expect(await identity({})).not.to.have.property('signOutHint')
    })

    it('an ID token that is too long to be kept is not kept', async () => {
      expect(await identity({ document })).to.have.property('signOutHint')
      expect(await identity({ document, claims: { more: 'x'.repeat(4_096) } })).not.to.have.property('signOutHint')
    })
  })
})
