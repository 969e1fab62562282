import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { IdentityProvider, SignInStep } from '../../../../../core/contract/identity-provider.ts'
import { unixTime } from '../../../../../core/runtime/time.ts'
import type { IdentityProviderRow } from '../../../../../hosts/portal/store/entities.ts'
import { callProvider } from '../../../../../hosts/portal/web/sign-in/call-provider.ts'
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
})
