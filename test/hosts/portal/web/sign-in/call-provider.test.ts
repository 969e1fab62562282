import { expect } from 'chai'
import { describe, it } from 'mocha'
import type {
  IdentityProvider,
  SignInStep,
  SignOutRequest,
  SignOutStep,
} from '../../../../../core/contract/identity-provider.ts'
import { unixTime } from '../../../../../core/runtime/time.ts'
import type { IdentityProviderRow } from '../../../../../hosts/portal/store/entities.ts'
import { callProvider, callSignOut } from '../../../../../hosts/portal/web/sign-in/call-provider.ts'
import { extension } from '../../../../kit/extensions.ts'
import { signInDesk } from '../../../../kit/sign-in-desk.ts'
import { VirtualClock } from '../../../../kit/virtual-clock.ts'

const row: IdentityProviderRow = {
  id: '11111111-1111-4111-8111-111111111111',
  accountId: '22222222-2222-4222-8222-222222222222',
  name: 'Fake',
  type: 'fake',
  settings: { colour: 'red' },
  isDefault: false,
  isDisabled: false,
  clientTokenLifetimeSeconds: 3600,
  sessionLifetimeSeconds: 3600,
  emailDomains: ['*'],
  createdAt: unixTime(0),
  updatedAt: unixTime(0),
}

describe("a call to an identity provider's plugin", () => {
  const outcomes: string[] = []

  const ask = async (begin: IdentityProvider['begin'], fits = true): Promise<SignInStep> => {
    const value: IdentityProvider = { begin, proceed: begin }
    const settings = {
      safeParse: (settings: unknown) =>
        fits
          ? ({ ok: true, settings } as const)
          : ({ ok: false, problems: [{ path: 'colour', message: 'x' }] } as const),
      jsonSchema: () => ({}),
    }
    return callProvider(
      {
        providers: new Map([['fake', extension('fake', value, { settings })]]),
        deskFor: () => signInDesk(),
        clock: new VirtualClock(),
        publicUrl: 'http://127.0.0.1',
        metrics: { observeProvider: ({ outcome }) => outcomes.push(outcome) },
      },
      row,
      { asker: '192.0.2.1' },
    )
  }
  const failureOf = async (step: Promise<unknown>): Promise<string> =>
    step.then(
      () => 'none',
      (error: unknown) => (error as Error).message,
    )

  it("an identity provider's plugin is given the validated settings, and its result is noted", async () => {
    const step = await ask(async ({ settings }) =>
      Promise.resolve({ type: 'redirect', url: 'https://id.example.org/', keep: settings as { colour: string } }),
    )
    expect(step).to.deep.equal({ type: 'redirect', url: 'https://id.example.org/', keep: { colour: 'red' } })
    expect(outcomes.at(-1)).to.equal('redirect')
  })

  it("an identity provider's plugin that throws or gives a malformed answer fails for this provider only", async () => {
    expect(await failureOf(ask(() => Promise.reject(new Error('broken'))))).to.equal('broken')
    expect(outcomes.at(-1)).to.equal('failed')
    const elsewhere: SignInStep = { type: 'redirect', url: 'javascript:alert(1)', keep: {} }
    expect(await failureOf(ask(async () => Promise.resolve(elsewhere)))).to.contain('no web address')
    const greedy: SignInStep = { type: 'redirect', url: 'https://id.example.org/', keep: { x: 'x'.repeat(3_000) } }
    expect(await failureOf(ask(async () => Promise.resolve(greedy)))).to.contain('too much')
    const settled: SignInStep = { type: 'redirect', url: 'https://id.example.org/', keep: {} }
    expect(await failureOf(ask(async () => Promise.resolve(settled), false))).to.contain('colour')
  })

  it("an identity provider's plugin fails alike where it answers with no step at all", async () => {
    const nonsense: unknown[] = [
      undefined,
      null,
      'redirect',
      {},
      { type: 'redirected', url: 'https://id.example.org/', keep: {} },
      { type: 'redirect', url: 'http:', keep: {} },
      { type: 'redirect', url: 'https://', keep: {} },
      { type: 'redirect', url: 'https://id.example.org/' },
      { type: 'redirect', keep: {} },
      { type: 'redirect', url: 'https://id.example.org/', keep: { deep: {} } },
      { type: 'prompt', prompt: { title: 'Who?', text: '', fields: 'email', submit: 'Go' }, keep: {} },
      { type: 'prompt', prompt: { title: 'Who?', text: '', fields: [], submit: 'Go' }, keep: {}, keptMs: NaN },
      { type: 'identified' },
      { type: 'identified', identity: { issuer: 'x', subject: 7, emailVerified: true } },
      { type: 'identified', identity: { issuer: 'x', subject: 'y', email: 'a@example.org', emailVerified: 'no' } },
      { type: 'refused' },
    ]
    for (const answer of nonsense) {
      const failure = await failureOf(ask(async () => Promise.resolve(answer as SignInStep)))
      expect(failure, JSON.stringify(answer)).to.contain('not a step of a sign-in')
      expect(outcomes.at(-1)).to.equal('failed')
    }
  })

  describe('and what it says of the person', () => {
    const identity = { issuer: 'x', subject: 'y', emailVerified: false }
    const say = async (more: object) =>
      ask(async () => Promise.resolve({ type: 'identified', identity: { ...identity, ...more } }))

    it('groups, claims, authentication and hint are taken as they are', async () => {
      const said = {
        groups: ['a'],
        claims: { level: 1, of: { a: [null] } },
        authentication: { at: unixTime(1), methods: ['pwd'] },
        signOutHint: 'h',
      }
      expect(await say(said)).to.deep.equal({ type: 'identified', identity: { ...identity, ...said } })
    })

    it('what is too much, or of another form, is a failure of the provider', async () => {
      for (const said of [
        { groups: 'a' },
        { groups: [''] },
        { groups: ['a'.repeat(257)] },
        { groups: Array(1_001).fill('a') },
        { groups: Array(100).fill('ä'.repeat(50)) },
        { groups: ['a'], claims: { x: 'x'.repeat(8_192) } },
        { claims: { x: 1n } },
        { claims: { x: () => 1 } },
        { claims: { x: NaN } },
        { authentication: { at: 'now' } },
        { authentication: { at: -1 } },
        { authentication: { methods: Array(21).fill('x') } },
        { signOutHint: 'x'.repeat(4_097) },
      ])
        expect(await failureOf(say(said))).to.contain('not a step of a sign-in')
    })
  })

  describe('at a sign-out', () => {
    const signOut = async (value: Partial<IdentityProvider>, hint?: string) => {
      const begin = () => Promise.reject(new Error('unused'))
      const providers = new Map([['fake', extension('fake', { begin, proceed: begin, ...value })]])
      const parts = { providers, clock: new VirtualClock() }
      return callSignOut(parts, { ...row, settings: {} }, { hint, returnUrl: 'http://127.0.0.1/back' })
    }

    it('a provider is given the hint and the page to come back to, and answers where to send the browser', async () => {
      const asked: object[] = []
      const answer = async ({ settings, returnUrl, hint }: SignOutRequest) => {
        asked.push({ settings, returnUrl, hint })
        return Promise.resolve({ type: 'redirect' as const, url: 'https://id.example.org/end' })
      }
      expect(await signOut({ signOut: answer }, 'h')).to.deep.equal({
        type: 'redirect',
        url: 'https://id.example.org/end',
      })
      await signOut({ signOut: answer })
      const always = { settings: {}, returnUrl: 'http://127.0.0.1/back' }
      expect(asked).to.deep.equal([
        { ...always, hint: 'h' },
        { ...always, hint: undefined },
      ])
      expect(await signOut({})).to.deep.equal({ type: 'done' })
    })

    it('a provider that throws, or answers with no address of the web, fails', async () => {
      const answering = (answer: unknown) => async () => Promise.resolve(answer as SignOutStep)
      for (const answer of [undefined, {}, { type: 'redirect' }, { type: 'redirect', url: 'javascript:alert(1)' }])
        expect(await failureOf(signOut({ signOut: answering(answer) }))).to.contain('not an answer to a sign-out')
      const thrown = () => {
        throw new Error('thrown')
      }
      expect(await failureOf(signOut({ signOut: thrown }))).to.equal('thrown')
    })
  })
})
