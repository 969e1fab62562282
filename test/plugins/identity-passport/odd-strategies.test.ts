import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { parse } from 'yaml'
import type { SignInStep } from '../../../core/contract/identity-provider.ts'
import { Config, type Kept } from '../../../plugins/identity-passport/config.ts'
import {
  PASSPORT_CALLBACK,
  PASSPORT_SECRET,
  passportProvider,
  passportReply,
  passportRequest,
  startedPassport,
} from '../../kit/passport-provider.ts'
import { packageRoot } from '../../kit/source-tree.ts'

const odd = (does: string, more: object = {}) => ({
  package: './odd-strategy.mjs',
  options: { does },
  issuer: 'the odd one',
  ...more,
})

const begin = async (does: string, more: object = {}): Promise<SignInStep<Kept>> =>
  (await startedPassport(odd(does, more))).begin(passportRequest())

describe('identity-passport with strategies as they should not be', () => {
  const codes: Record<string, string> = {
    throw: 'provider_failed',
    reject: 'provider_failed',
    pass: 'strategy_passed',
    'succeed-at-once': 'asks_nothing',
    'redirect-nowhere': 'provider_failed',
    'ask-for-a-token': 'id_token_unverified',
    'ask-for-an-id-token': 'id_token_unverified',
    'keep-much': 'keeps_too_much',
    'call-twice': 'access_denied',
  }
  for (const [does, code] of Object.entries(codes)) {
    it(`a strategy that does “${does}” is refused with ${code}`, async () => {
      expect(await begin(does)).to.have.nested.property('refusal.code', code)
    })
  }

  it('a strategy that never reports is given up with the request', async () => {
    const given = new AbortController()
    const waiting = (await startedPassport(odd('nothing'))).begin(passportRequest({ signal: given.signal }))
    given.abort()
    expect(await waiting).to.have.nested.property('refusal.detail', 'the strategy took too long')
  })

  it('a strategy that names nobody identifies nobody', async () => {
    const provider = await startedPassport(odd('name-nobody'))
    const step = await provider.begin(passportRequest())
    if (step.type !== 'redirect') throw new Error(step.type)
    const end = await provider.proceed(passportReply(step.keep, { url: step.url }))
    expect(end).to.have.nested.property('refusal.code', 'nobody_named')
  })

  it('a strategy’s error tells no secret of its options', async () => {
    const step = await begin('tell-secrets', { secret_files: { secret: 'secret' } })
    expect(step).to.have.nested.property('refusal.detail', 'no: [secret]')
  })

  it('a request without a state gets one, and what a strategy sends by itself stays', async () => {
    const query = (step: SignInStep<Kept>) => new URL(step.type === 'redirect' ? step.url : 'about:blank').searchParams
    expect(query(await begin('ask-without-state')).get('state')).to.have.length(43)
    const all = await begin('ask-with-all', { id_token: 'unused' })
    expect(Object.fromEntries(query(all))).to.include({ state: 'own', nonce: 'own', code_challenge: 'own' })
    expect(all).to.have.property('keep').that.deep.equals({ state: 'own' })
    const idToken = { issuer: 'https://id.example.org', jwks_uri: 'https://id.example.org/jwks' }
    const verified = await begin('ask-with-all', { id_token: idToken })
    expect(verified).to.have.property('keep').that.deep.equals({ state: 'own', nonce: 'own' })
    for (const id_token of ['unused', 'verified_by_strategy'])
      expect(query(await begin('ask-for-an-id-token', { id_token })).has('nonce'), id_token).to.equal(false)
  })

  it('a strategy sees of the request nothing but what the sign-in is about', async () => {
    const step = await begin('see', { authenticate: { prompt: 'consent' } })
    const seen = JSON.parse(step.type === 'refused' ? (step.refusal.detail ?? '') : '{}')
    expect(seen).to.deep.equal({
      method: 'GET',
      url: '/auth/callback/an-id',
      originalUrl: '/auth/callback/an-id',
      path: '/auth/callback/an-id',
      query: {},
      body: {},
      params: {},
      cookies: {},
      headers: { host: '127.0.0.1:9' },
      protocol: 'http',
      secure: false,
      host: '127.0.0.1:9',
      hostname: '127.0.0.1',
      socket: { encrypted: false },
      connection: { encrypted: false },
      session: {},
      options: { prompt: 'consent' },
    })
  })

  it('a strategy’s session travels with the browser, over several redirects', async () => {
    const provider = await startedPassport(odd('two-steps'))
    let step = await provider.begin(passportRequest())
    for (const expected of ['https://id.example.org/1', 'https://id.example.org/2']) {
      if (step.type !== 'redirect') throw new Error(step.type)
      expect(step.url).to.equal(expected)
      step = await provider.proceed(passportReply(step.keep, { url: PASSPORT_CALLBACK }))
    }
    expect(step).to.deep.equal({
      type: 'identified',
      identity: {
        issuer: 'the odd one',
        subject: '7',
        name: 'Ada',
        email: 'ada@example.org',
        emailVerified: false,
        emailDoubt:
          'nothing says email_verified: name another member in profile.email_verified, or the domain in trusted_email_domains',
      },
    })
  })
})

describe('identity-passport starts only with what is there', () => {
  const codeOf = async (strategy: object): Promise<string> =>
    passportProvider(strategy)
      .start()
      .then(
        () => 'started',
        (error: unknown) => `${(error as { code: string }).code}: ${(error as Error).message}`,
      )

  it('X3 a package, a class, a verify and options that do not fit stop the portal, and are named', async () => {
    expect(await codeOf({ package: 'passport-of-nobody', issuer: 'x' })).to.match(/^PASSPORT_PACKAGE: .*npm install/)
    expect(await codeOf({ package: './nowhere.mjs', issuer: 'x' })).to.match(/^PASSPORT_PACKAGE: .*nowhere/)
    expect(await codeOf(odd('pass', { export: 'Other' }))).to.match(/^PASSPORT_EXPORT: .*no class Other/)
    expect(await codeOf(odd('pass', { verify: './odd-strategy.mjs' }))).to.match(
      /^PASSPORT_EXPORT: .*no function verify/,
    )
    expect(await codeOf({ package: 'passport-oauth2', options: {}, issuer: 'x' })).to.match(
      /^PASSPORT_OPTIONS: .*authorizationURL/,
    )
    expect(await codeOf(odd('pass', { secret_files: { secret: 'missing' } }))).to.match(/^SECRET_FILE_MISSING/)
    expect(await codeOf(odd('pass', { secret_files: { 'a.b': 'secret' } }))).to.match(
      /^PASSPORT_OPTIONS: .*secret_files/,
    )
  })

  it('an error of the options tells no secret', async () => {
    const told = await codeOf(odd('pass', { secret_files: { refuses: 'secret' } }))
    expect(told).to.contain('no option like [secret]').and.not.contain(PASSPORT_SECRET)
  })

  it('a configuration names a package or a path, and an issuer where no token proves one', () => {
    const isValid = (strategy: object): boolean => Config.safeParse({ strategies: { hub: strategy } }).success
    for (const name of ['passport-local', '@scope/passport-x', './x.mjs', '../x.mjs', '/etc/x.mjs'])
      expect(isValid({ package: name, issuer: 'x' }), name).to.equal(true)
    for (const name of ['data:text/javascript,1', 'https://example.org/x.mjs', 'node:fs', 'a/b', 'a b', '', '..'])
      expect(isValid({ package: name, issuer: 'x' }), name).to.equal(false)
    expect(isValid({ package: 'x' })).to.equal(false)
    expect(isValid({ package: 'x', id_token: 'unused' })).to.equal(false)
    expect(
      isValid({ package: 'x', id_token: { issuer: 'https://x.example', jwks_uri: 'https://x.example/k' } }),
    ).to.equal(true)
    expect(Config.safeParse({ strategies: { Hub_1: { package: 'x', issuer: 'x' } } }).success).to.equal(false)
  })

  it('the examples of the man page are a configuration', () => {
    const page = readFileSync(join(packageRoot(), 'plugins/identity-passport/README.md'), 'utf8')
    const [, example = ''] = /^```yaml\n([\s\S]*?)^```$/m.exec(page) ?? []
    const { plugins } = parse(example) as { plugins: { config: unknown }[] }
    const { strategies } = Config.parse(plugins[0]?.config)
    expect(Object.keys(strategies)).to.deep.equal(['github', 'company', 'any-oauth', 'ldap'])
  })
})
