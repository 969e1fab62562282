import { isDeepStrictEqual } from 'node:util'
import type {
  Identity,
  IdentityProvider,
  KeptState,
  SignInDesk,
  SignInReply,
  SignInStep,
} from '../../core/contract/identity-provider.ts'
import type { Schema } from '../../core/contract/schema.ts'
import { unixTime, type UnixTime } from '../../core/runtime/time.ts'
import { checkedSignOut, checkedStep } from '../../hosts/portal/web/sign-in/checked-step.ts'
import { signInDesk } from '../kit/sign-in-desk.ts'
import { validate } from './settings-schema.ts'
import { expect, fc } from './libraries.ts'
import { describe, it } from './runner.ts'

export interface IdentityProviderSuite<Settings, Keep extends object = KeptState> {
  create: () => IdentityProvider<Settings, Keep>
  /** The schema of what it keeps between steps, as it declares it; absent where it keeps nothing. */
  keep?: Schema<Keep>
  settings: Settings
  /** Settings with which nothing can be reached, if it reaches anything. */
  unreachable?: Settings
  callbackUrl: string
  /** The portal's desk for the provider; by default one that knows nobody and remembers in memory. One for all tests. */
  desk?: SignInDesk
  /**
   * Takes the person's part after a step; resolves with the request that her browser comes back with. It is called for
   * many sign-ins: a code that is good once has to be another one each time.
   */
  walk: (step: SignInStep<Keep>) => Promise<Walked>
  /** Identity that the walk proves, without what differs from sign-in to sign-in: `authentication` and `signOutHint`. */
  expected: Omit<Identity, 'authentication' | 'signOutHint'>
}

/** Request that a browser comes back with: the URL, and what was typed into the form, by the names of its fields. */
interface Walked {
  url: string
  fields?: Readonly<Record<string, string | undefined>>
}

/** Nobody has to lead a browser there. */
const SHARED_CALLBACK_URL = 'http://127.0.0.1:9/shared'
const RETURN_URL = 'http://127.0.0.1:9/signed-out'

/** Tests that every identity provider passes. `settings` and `walk` are functions of a running provider: call it inside `describe`. */
export const identityProviderSuite = <Settings, Keep extends object = KeptState>(
  name: string,
  open: () => IdentityProviderSuite<Settings, Keep>,
): void => {
  // Asked for at each call: a whole run of tests may take longer than what a provider keeps is good for.
  const now = (): UnixTime => unixTime(Date.now())
  const fallback = signInDesk()

  const begin = async (
    provider: IdentityProvider<Settings, Keep>,
    settings = open().settings,
  ): Promise<SignInStep<Keep>> =>
    provider.begin({
      settings,
      callbackUrl: open().callbackUrl,
      sharedCallbackUrl: SHARED_CALLBACK_URL,
      now: now(),
      signal: AbortSignal.timeout(60_000),
      desk: open().desk ?? fallback,
    })

  const reply = (keep: Keep, back: Walked): SignInReply<Settings, Keep> => ({
    settings: open().settings,
    callbackUrl: open().callbackUrl,
    sharedCallbackUrl: SHARED_CALLBACK_URL,
    now: now(),
    signal: AbortSignal.timeout(60_000),
    desk: open().desk ?? fallback,
    keep,
    url: back.url,
    fields: typed(back),
  })

  const keptOf = (step: SignInStep<Keep>): Keep => {
    if (step.type !== 'redirect' && step.type !== 'prompt')
      throw new Error(`no step to go on from: ${JSON.stringify(step)}`)
    return step.keep
  }

  const fits = (kept: unknown): boolean => {
    const { keep } = open()
    return keep === undefined ? isDeepStrictEqual(kept, {}) : validate(keep, kept).issues === undefined
  }

  /** Walks on from a step until the provider decides. */
  const finish = async (
    provider: IdentityProvider<Settings, Keep>,
    first: SignInStep<Keep>,
  ): Promise<{ step: SignInStep<Keep>; last: SignInReply<Settings, Keep> | undefined }> => {
    let step = first
    let last: SignInReply<Settings, Keep> | undefined
    for (let hops = 0; hops < 5 && (step.type === 'redirect' || step.type === 'prompt'); hops++) {
      last = reply(step.keep, await open().walk(step))
      step = await provider.proceed(last)
      checkedStep(step)
    }
    return { step, last }
  }

  /** Walks all steps, and returns the identity that they prove. */
  const identify = async (provider: IdentityProvider<Settings, Keep>): Promise<Identity> => {
    const { step } = await finish(provider, await begin(provider))
    if (step.type !== 'identified') throw new Error(`nobody is identified: ${JSON.stringify(step)}`)
    return step.identity
  }

  describe(`identity provider ${name}`, () => {
    it('a provider identifies the person who walks all of its steps', async () => {
      const provider = open().create()
      const { authentication, signOutHint: _, ...identity } = await identify(provider)
      expect(identity).to.deep.equal(open().expected)
      expect(authentication?.at ?? 0, 'nobody has authenticated later than now').to.be.at.most(now() + 60_000)
    })

    it('a provider that ends its own session leads to a web address, or is done, whatever it is given as a hint', async () => {
      const provider = open().create()
      if (provider.signOut === undefined) return
      const { signOutHint } = await identify(provider)
      for (const hint of [signOutHint, undefined, 'x', '\u0000', 'x'.repeat(4_096)]) {
        const { settings } = open()
        const request = { settings, returnUrl: RETURN_URL, now: now(), signal: AbortSignal.timeout(60_000) }
        checkedSignOut(await provider.signOut({ ...request, ...(hint === undefined ? {} : { hint }) }))
      }
    })

    it('a provider gets back at the callback the `state` that its redirect had, by which the portal finds the sign-in', async () => {
      const step = await begin(open().create())
      const state = step.type === 'redirect' ? new URL(step.url).searchParams.get('state') : null
      if (state === null) return
      const { url } = await open().walk(step)
      expect(new URL(url).searchParams.get('state')).to.equal(state)
    })

    it('a provider keeps little, in plain values, and nothing twice', async () => {
      const provider = open().create()
      const [first, second] = [keptOf(await begin(provider)), keptOf(await begin(provider))]
      expect(JSON.stringify(first).length).to.be.at.most(2_048)
      for (const kept of [first, second]) expect(fits(kept), 'its schema takes what it keeps').to.equal(true)
      const values = Object.values(first)
      for (const value of values) expect(['string', 'number', 'boolean']).to.include(typeof value)
      if (values.length > 0) expect(first).not.to.deep.equal(second)
    })

    it('a provider needs nothing but what was kept: another instance goes on where one began', async () => {
      const step = await begin(open().create())
      const { step: end } = await finish(open().create(), step)
      expect(end.type).to.equal('identified')
    })

    it("a provider refuses a reply with what another browser's beginning kept", async () => {
      const provider = open().create()
      const [mine, other] = [await begin(provider), await begin(provider)]
      // The portal itself takes the answer to a form only from the browser that it showed the form to.
      if (mine.type === 'prompt') return
      const back = await open().walk(mine)
      const step = await provider.proceed(reply(keptOf(other), back))
      expect(step.type, JSON.stringify(step)).not.to.equal('identified')
    })

    it('a provider refuses the same reply a second time', async () => {
      const provider = open().create()
      const { step, last } = await finish(provider, await begin(provider))
      expect(step.type).to.equal('identified')
      if (last === undefined) throw new Error('it took no step')
      expect((await provider.proceed(last)).type).not.to.equal('identified')
    })

    it('a provider never throws and never identifies anybody for a reply that nobody could have made', async () => {
      const provider = open().create()
      const kept = keptOf(await begin(provider))
      const query = fc.dictionary(fc.constantFrom('code', 'state', 'iss', 'error', 'x'), fc.string({ maxLength: 50 }))
      const keep = fc.oneof(
        fc.constant(kept),
        fc.dictionary(fc.constantFrom(...Object.keys(kept), 'x'), fc.oneof(fc.string(), fc.integer(), fc.boolean())),
      )
      const fields = fc.dictionary(fc.constantFrom('email', 'code', 'x'), fc.string({ maxLength: 50 }))
      await fc.assert(
        fc.asyncProperty(query, keep, fields, async (asked, chosen, typed) => {
          const url = `${open().callbackUrl}?${new URLSearchParams(asked).toString()}`
          // The portal never hands over kept state that does not fit the provider's schema.
          const step = await provider.proceed(reply(fits(chosen) ? (chosen as Keep) : kept, { url, fields: typed }))
          expect(step.type).not.to.equal('identified')
        }),
        { numRuns: 50 },
      )
    })

    it('never throws for a reply that is nearly the right one, whatever was left out, changed or added', async () => {
      const provider = open().create()
      let step = await begin(provider)
      for (let hops = 0; hops < 5 && (step.type === 'redirect' || step.type === 'prompt'); hops++) {
        const right = await open().walk(step)
        for (const back of nearly(right)) {
          const answered = await provider.proceed(reply(step.keep, back))
          expect(STEPS, JSON.stringify(back)).to.include(answered.type)
          // A code that is good once may have been used up, or tried too often: it is for this person's next beginning.
          if (answered.type === 'identified') return
        }
        step = await provider.proceed(reply(step.keep, right))
      }
    })

    it('a provider that can reach nobody refuses, rather than rejects, and says that trying again may help', async () => {
      const { unreachable } = open()
      if (unreachable === undefined) return
      const step = await begin(open().create(), unreachable)
      expect(step).to.have.nested.property('refusal.tryAgain', true)
      expect(step).to.have.nested.property('refusal.publicText').that.has.length.greaterThan(20)
    })
  })
}

/** Fields of a form that have a text. */
const typed = ({ fields = {} }: Walked): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])))

const STEPS = ['redirect', 'prompt', 'identified', 'refused']

/** Replies that differ from the right one in one field, or in one part of the query and without the fields. */
const nearly = (right: Walked): Walked[] => {
  const { url } = right
  const fields = typed(right)
  const query = [...new URL(url).searchParams.entries()]
  const within = (changed: [string, string][]): Walked => {
    const other = new URL(url)
    other.search = new URLSearchParams(changed).toString()
    return { url: other.href }
  }
  const without = <T>(all: readonly T[], at: number): T[] => all.filter((_, index) => index !== at)
  return [
    ...Object.entries(fields).flatMap(([name]) => [
      { url, fields: Object.fromEntries(Object.entries(fields).filter(([other]) => other !== name)) },
      ...ODD_TEXTS.map((text) => ({ url, fields: { ...fields, [name]: text } })),
    ]),
    within([...query, ['error', 'access_denied'], ['error_description', 'declined']]),
    within([...query.filter(([name]) => name !== 'code'), ['error', 'access_denied']]),
    within([...query.filter(([name]) => name !== 'code'), ['error', 'no_such_error\u0000']]),
    ...query.flatMap((pair, at) => [
      within(without(query, at)),
      within([...query, pair]),
      ...ODD_TEXTS.map((text) => within(query.with(at, [pair[0], text]))),
    ]),
  ]
}

const ODD_TEXTS = ['', ' ', '\u0000', '\ud800', 'x'.repeat(10_000), '__proto__', '%', '{"a":1}']
