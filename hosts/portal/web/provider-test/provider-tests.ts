import type { Context } from 'koa'
import type { SignInDesk, SignInStep } from '../../../../core/contract/identity-provider.ts'
import { toBase64Url } from '../../../../core/crypto/text-encoding.ts'
import { sourceOf } from '../../../../core/net/rate-limiter.ts'
import { errorText } from '../../../../core/plugin/error-text.ts'
import type { PluginLog } from '../../../../core/plugin/plugin-log.ts'
import type { Logger } from '../../../../core/runtime/logger.ts'
import type { Random } from '../../../../core/runtime/random.ts'
import { may } from '../../identity/permissions.ts'
import { secretsIn } from '../../settings/settings-secrets.ts'
import type { IdentityProviderRow } from '../../store/entities.ts'
import type { Store } from '../../store/store.ts'
import type { Pages } from '../http/pages.ts'
import { Problem } from '../http/problem.ts'
import { requestIdOf } from '../http/request-id.ts'
import { isExpectedAt } from '../sign-in/after-provider.ts'
import { callProvider, type ProviderCallParts, type Reply } from '../sign-in/call-provider.ts'
import type { PendingSignIns, PendingTest } from '../sign-in/pending.ts'
import { sendBrowser } from '../sign-in/send-browser.ts'
import type { PortalSession, Sessions } from '../sign-in/session.ts'
import type { SignInContext } from '../sign-in/sign-in-context.ts'
import { RETURNED, type ProviderTest } from './provider-test.ts'
import { returnedQuery, sentQuery } from './shown-query.ts'
import { TestNotes } from './test-notes.ts'
import type { TestRecords } from './test-records.ts'
import { Withheld } from './withheld.ts'

export interface ProviderTestParts extends ProviderCallParts {
  store: Store
  sessions: Sessions
  pendings: PendingSignIns
  records: TestRecords
  pages: Pages
  random: Random
  logger: Logger
  pluginLog: Pick<PluginLog, 'failed'>
}

/** Provider that is to be tested, and how. */
export interface TestRequest {
  session: PortalSession
  provider: IdentityProviderRow
  /** Body of the API's change that would save what is tested, if it is not saved yet. */
  unsaved?: Readonly<Record<string, unknown>>
  /** Whether the provider shall let the admin choose an account. */
  chooseAccount: boolean
}

/**
 * Tests of identity providers: the steps of a sign-in, by the same calls of the provider's plugin, of which nothing comes but a page
 * for the admin who makes the test. There is no way from here to a session or token.
 */
export class ProviderTests {
  readonly #parts: ProviderTestParts

  constructor(parts: ProviderTestParts) {
    this.#parts = parts
  }

  /** Begins a test, and leads the browser to the provider or to the page of the test. */
  async begin(ctx: Context, { session, provider, unsaved, chooseAccount }: TestRequest): Promise<void> {
    const { random, clock, logger } = this.#parts
    const test: ProviderTest = {
      id: toBase64Url(random.bytes(16)),
      sessionId: session.id,
      provider,
      ...(unsaved === undefined ? {} : { unsaved }),
      begunAt: clock.unix(),
      steps: [],
      claims: [],
      state: { type: 'working' },
    }
    const about = { accountId: provider.accountId, providerId: provider.id, actorId: session.actor.id }
    logger.info({ ...about, requestId: requestIdOf(ctx) }, 'an admin tests an identity provider')
    await this.#goOn(ctx, { session, test, chooseAccount })
  }

  /** Returns a test of this session; undefined if there is none, or if it is over. */
  async find(
    session: PortalSession,
    { providerId, id }: { providerId: string; id: string },
  ): Promise<ProviderTest | undefined> {
    const test = await this.#parts.records.find({ accountId: session.account.id, providerId, id })
    return test?.sessionId === session.id ? test : undefined
  }

  /** Answers a form of the provider's plugin. Returns false if the test does not ask anything. */
  async answer(
    ctx: Context,
    {
      session,
      providerId,
      id,
      fields,
    }: { session: PortalSession; providerId: string; id: string; fields: Reply['fields'] },
  ): Promise<boolean> {
    const place = { accountId: session.account.id, providerId, id }
    if ((await this.find(session, place)) === undefined) return false
    const test = await this.#parts.records.take(place, 'asks')
    if (test?.state.type !== 'asks') return false
    const { prompt, keep } = test.state
    const names = prompt.fields.map(({ name }) => name)
    const withheld = new Withheld()
    withheld.add(
      prompt.fields.filter(({ type }) => type === 'password' || type === 'code').map(({ name }) => fields[name]),
    )
    const known = Object.entries(fields).filter(([name]) => names.includes(name) || name === 'also')
    const url = new URL(ctx.path, this.#parts.publicUrl).href
    await this.#goOn(ctx, { session, test, withheld, reply: { keep, url, fields: Object.fromEntries(known) } })
    return true
  }

  /** Goes on when the browser returns from the provider: in the session that made the test, at the callback that was named, once. */
  async comeBack(ctx: SignInContext, pending: PendingTest): Promise<void> {
    const { store, sessions, records, publicUrl } = this.#parts
    const { accountId, providerId, testId, sessionId } = pending
    const account = await store.reader(accountId).get('accounts', accountId)
    const session = account === undefined ? undefined : await sessions.current(ctx, account.slug)
    if (session?.id !== sessionId || !may(session.actor, 'identity_providers:write')) throw notYours()
    if (!isExpectedAt(ctx, pending)) throw notYours()
    const test = await records.take({ accountId, providerId, id: testId }, 'away')
    if (test?.state.type !== 'away' || test.sessionId !== session.id) throw notYours()
    const url = new URL(ctx.url, publicUrl)
    const withheld = new Withheld()
    withheld.add(['code', 'state', 'access_token', 'id_token'].flatMap((name) => url.searchParams.getAll(name)))
    test.steps.push({
      text: RETURNED,
      came: returnedQuery(url),
      at: this.#parts.clock.unix(),
    })
    const reply = { keep: test.state.keep, url: url.href, fields: {} }
    await this.#goOn(ctx, { session, test, withheld, reply })
  }

  async #goOn(
    ctx: Context,
    {
      session,
      test,
      reply,
      withheld = new Withheld(),
      chooseAccount = false,
    }: { session: PortalSession; test: ProviderTest; reply?: Reply; withheld?: Withheld; chooseAccount?: boolean },
  ): Promise<void> {
    const { records, pages, pendings, clock } = this.#parts
    const { provider } = test
    withheld.add(this.#secretsOf(provider))
    withheld.addRandom(Object.values(reply?.keep ?? {}))
    const notes = new TestNotes(test, { withheld, clock })
    notes.add({
      text:
        reply === undefined
          ? 'The provider’s plugin begins the sign-in.'
          : 'The provider’s plugin looks at the answer.',
    })
    const step = await this.#step(ctx, { test, notes, reply, chooseAccount })
    if (step.type === 'redirect') {
      const url = new URL(step.url)
      withheld.addRandom(Object.values(step.keep))
      notes.add({ text: `The browser is sent to ${url.origin}${url.pathname}.`, sent: sentQuery(url) })
    } else if (step.type === 'prompt')
      notes.add({ text: `The plugin asks, on a page of the portal: ${step.prompt.title}.` })
    else if (step.type === 'identified') notes.add({ text: 'The provider names the person.' })
    notes.close()
    await records.keep({ ...test, steps: notes.steps, claims: notes.claims, state: stateAfter(step, notes) })
    if (step.type !== 'redirect') {
      ctx.redirect(`/${session.account.slug}/admin/providers/${provider.id}/test/${test.id}`)
      ctx.status = 303
      return
    }
    const pending: PendingTest = {
      accountId: provider.accountId,
      providerId: provider.id,
      testId: test.id,
      sessionId: session.id,
      atSharedCallback: step.atSharedCallback === true,
    }
    pendings.remember(ctx, pending, { redirectUrl: step.url })
    sendBrowser(pages, ctx, step.url)
  }

  /** Calls the plugin for the next step. Its failure is a refusal, which says to the admin what it threw. */
  async #step(
    ctx: Context,
    {
      test,
      notes,
      reply,
      chooseAccount,
    }: { test: ProviderTest; notes: TestNotes; reply: Reply | undefined; chooseAccount: boolean },
  ): Promise<SignInStep> {
    const { deskFor, pluginLog, providers } = this.#parts
    const { provider } = test
    const asker = sourceOf(String(ctx.state['clientAddress']))
    const parts = { ...this.#parts, deskFor: () => testDesk(deskFor(provider, asker), notes) }
    try {
      return await callProvider(parts, provider, { asker, chooseAccount, ...(reply === undefined ? {} : { reply }) })
    } catch (error) {
      pluginLog.failed({
        plugin: providers.get(provider.type)?.plugin ?? provider.type,
        call: `${reply === undefined ? 'begin' : 'proceed'} ${provider.id}`,
        error,
        message: 'an identity provider failed in a test sign-in',
        fields: { accountId: provider.accountId, providerId: provider.id, requestId: requestIdOf(ctx) },
      })
      const publicText = 'The identity provider does not answer as it should. Try again in a moment, or tell an admin.'
      const detail = `the plugin failed: ${errorText(error)}`
      return { type: 'refused', refusal: { code: 'provider_unavailable', publicText, detail, tryAgain: true } }
    }
  }

  #secretsOf({ type, settings }: IdentityProviderRow): unknown[] {
    const schema = this.#parts.providers.get(type)?.settings.jsonSchema()
    return schema === undefined ? [] : [...secretsIn(schema, settings).values()]
  }
}

/**
 * Desk of a test. Records have keys of their own, so that a code that was mailed in a test signs nobody in, and the other way round.
 */
const testDesk = ({ records, ...desk }: SignInDesk, notes: TestNotes): SignInDesk => ({
  ...desk,
  note: (note) => notes.add(note),
  records: { change: (key, work) => records.change(`test/${key}`, work) },
})

const stateAfter = (step: SignInStep, notes: TestNotes): ProviderTest['state'] => {
  switch (step.type) {
    case 'redirect':
      return { type: 'away', keep: step.keep }
    case 'prompt':
      return { type: 'asks', prompt: step.prompt, keep: step.keep }
    case 'refused': {
      const { detail, publicText, ...refusal } = step.refusal
      const shown = detail === undefined ? {} : { detail: notes.text(detail) }
      return { type: 'refused', refusal: { ...refusal, publicText: notes.text(publicText), ...shown } }
    }
    case 'identified': {
      const { signOutHint: _, ...identity } = step.identity
      return { type: 'identified', identity }
    }
  }
}

const notYours = (): Problem =>
  new Problem(
    400,
    'sign_in_lost',
    'Nobody is signed in: this is the answer to a test of an identity provider, which took too long, was used already, or was made in another session. Begin it again on the provider’s page.',
  )
