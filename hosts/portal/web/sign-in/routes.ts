import { Router } from '@koa/router'
import type { Middleware } from 'koa'
import type { Logger } from '../../../../core/runtime/logger.ts'
import type { Random } from '../../../../core/runtime/random.ts'
import { MINUTE, unixTime } from '../../../../core/runtime/time.ts'
import type { Account, IdentityProviderRow } from '../../store/entities.ts'
import { EXACT_ROUTES } from '../http/exact-routes.ts'
import { formFields, readForm } from '../http/form-fields.ts'
import { notFound, Problem } from '../http/problem.ts'
import { sourceOf } from '../../origin/rate-limiter.ts'
import { redeemApproval } from './approval.ts'
import { CALLBACK_PATH, SHARED_CALLBACK_PATH } from './callback.ts'
import { converse, type ConversationParts } from './conversation.ts'
import { emergencySignIn } from './emergency.ts'
import { handoverUrl, type FinishParts } from './finish.ts'
import { intentQuery, parseIntent } from './intent.ts'
import { PendingSignIns } from './pending.ts'
import { noteRefusal, OTHER_ACCOUNT } from './refuse.ts'
import { setUpOf } from './standing.ts'
import { providerUrl, type SignInContext, type Step } from './step.ts'
import { talk } from './talk.ts'

export interface SignInParts extends FinishParts, ConversationParts {
  logger: Logger
  random: Random
  /** Rate limit of what begins or goes on with a sign-in: that costs the portal and others more than a page. */
  limitSteps: Middleware
}

/** Sign-in as requests: wire §1. */
export const signInRoutes = (parts: SignInParts): Middleware => {
  const { store, pages, cookies, sessions, random, clock, logger } = parts
  const pendings = new PendingSignIns(cookies, random)
  const router = new Router(EXACT_ROUTES)

  // Steps of the stories below, in the order in which they first appear.

  const askForAccount: Step = async (ctx) => {
    const { account, ...rest } = ctx.query
    const kept = Object.entries(rest).filter(([, value]) => typeof value === 'string') as [string, string][]
    if (typeof account === 'string' && /^[\w-]{1,63}$/.test(account)) {
      ctx.redirect(`/${account.toLowerCase()}?${new URLSearchParams(kept).toString()}`)
      return
    }
    const surviving = ['as', 'state', 'nonce', 'redirect_to', 'callback']
    pages.render(ctx, 'account', {
      kept: kept.filter(([name]) => surviving.includes(name)).map(([name, value]) => ({ name, value })),
    })
  }

  const findAccount: Step = async (ctx, next) => {
    const account = await store.accountBySlug(ctx.params['account'] ?? '')
    if (account === undefined) throw notFound()
    if (account.isDisabled) throw new Problem(403, 'account_disabled', 'This account is disabled.')
    ctx.state.account = account
    return next()
  }

  const readIntent: Step = async (ctx, next) => {
    const verdict = parseIntent(ctx.state.account.slug, ctx.query)
    if (!verdict.ok) {
      throw new Problem(
        400,
        'invalid_sign_in',
        `${verdict.problem} Begin again, from the client that you want to sign in.`,
      )
    }
    ctx.state.intent = verdict.intent
    return next()
  }

  const goHomeIfSignedIn: Step = async (ctx, next) => {
    const { account, intent } = ctx.state
    const session = intent.as === 'browser' ? await sessions.current(ctx, account.slug) : undefined
    if (session === undefined) return next()
    ctx.redirect(intent.redirectTo ?? `/${account.slug}/home`)
  }

  const goToSignIn: Step = async (ctx) => {
    const { account, intent } = ctx.state
    ctx.redirect(`/${account.slug}/sign_in${wantsChoice(ctx) ? '/providers' : ''}${intentQuery(intent)}`)
    return Promise.resolve()
  }

  const enabledProviders = async (account: Account): Promise<IdentityProviderRow[]> =>
    store.reader(account.id).list('identity_providers', { where: { isDisabled: false }, limit: 50 })

  const goToDefaultProvider: Step = async (ctx, next) => {
    const { account, intent } = ctx.state
    if (wantsChoice(ctx)) return next()
    const where = { isDisabled: false, isDefault: true }
    const [provider] = await store.reader(account.id).list('identity_providers', { where, limit: 1 })
    if (provider === undefined) return next()
    ctx.redirect(providerUrl(account, provider, intent))
  }

  const showProviders: Step = async (ctx) => {
    const { account, intent } = ctx.state
    const providers = (await enabledProviders(account)).map((provider) => ({
      name: provider.name,
      url: providerUrl(account, provider, intent),
    }))
    pages.render(ctx, 'choose', { account: account.name, providers })
  }

  const findProvider: Step = async (ctx, next) => {
    const { id, kind } = ctx.params
    const provider = await store.reader(ctx.state.account.id).get('identity_providers', id ?? '')
    if (provider === undefined || provider.type !== kind || provider.isDisabled) throw notFound()
    ctx.state.provider = provider
    return next()
  }

  const beginSignIn: Step = async (ctx) =>
    talk({ ...parts, pendings }, ctx, {
      conversation: pendings.newConversation(),
      step: () =>
        converse(parts, ctx.state.provider, {
          asker: sourceOf(ctx.state.clientAddress),
          chooseAccount: typeof ctx.query[OTHER_ACCOUNT] === 'string',
        }),
    })

  const recall = async (ctx: SignInContext, sent: Parameters<PendingSignIns['recall']>[1]): Promise<void> => {
    const pending = pendings.recall(ctx, sent)
    const reader = pending === undefined ? undefined : store.reader(pending.accountId)
    const account = await reader?.get('accounts', pending?.accountId ?? '')
    const provider = await reader?.get('identity_providers', pending?.providerId ?? '')
    if (
      pending === undefined ||
      account === undefined ||
      account.isDisabled ||
      provider === undefined ||
      provider.isDisabled ||
      setUpOf(provider) !== pending.setUp
    )
      throw lost()
    Object.assign(ctx.state, { pending, account, provider, intent: pending.intent })
  }

  const recallByForm: Step = async (ctx, next) => {
    await recall(ctx, { id: formFields(ctx)['sign_in'] ?? '' })
    return next()
  }

  const recallByState: Step = async (ctx, next) => {
    const { state } = ctx.query
    await recall(ctx, { state: typeof state === 'string' ? state : undefined })
    return next()
  }

  // RFC 9700 §4.4: a hostile provider could send the browser on to an honest one, with the state of the sign-in that is under way with
  // itself, and be given the honest one's code. So an answer counts only where the browser was told to come back to.
  const atItsCallback: Step = async (ctx, next) => {
    const { pending, provider } = ctx.state
    const { id } = ctx.params
    const isExpected =
      pending.atSharedCallback === true
        ? id === undefined && typeof ctx.query['iss'] === 'string'
        : pending.atSharedCallback === false && id === provider.id
    if (isExpected) return next()
    logger.warn(
      { accountId: provider.accountId, providerId: provider.id, path: ctx.path },
      'an answer came to another callback',
    )
    await noteRefusal(parts, ctx, { reason: 'wrong_callback' })
    throw lost()
  }

  /** A cookie can be copied before it is cleared; what is written down here cannot be undone by a browser. */
  const onlyOnce: Step = async (ctx, next) => {
    const { pending, account, provider } = ctx.state
    const records = store.signInRecords({ accountId: account.id, providerId: provider.id })
    const used = String(ctx.query['state'] ?? '').slice(0, 128)
    const until = unixTime(clock.unix() + 15 * MINUTE)
    const isFirst = await records.change(`callback/${pending.conversation}/${used}`, (record) => ({
      record: { used: true },
      until,
      result: record === undefined,
    }))
    if (!isFirst) throw lost()
    return next()
  }

  const sameProvider: Step = async (ctx, next) => {
    const { account, provider } = ctx.state
    const { account: slug, id } = ctx.params
    if (account.slug !== slug || provider.id !== id) throw notFound()
    return next()
  }

  const proceedWithSignIn: Step = async (ctx) =>
    talk({ ...parts, pendings }, ctx, {
      conversation: ctx.state.pending.conversation,
      step: () =>
        converse(parts, ctx.state.provider, {
          asker: sourceOf(ctx.state.clientAddress),
          reply: {
            keep: ctx.state.pending.keep,
            url: new URL(ctx.url, parts.publicUrl).href,
            fields: formFields(ctx),
          },
        }),
    })

  const approve: Step = async (ctx) => redeemApproval(parts, ctx)

  const handOver: Step = async (ctx) => {
    const url = handoverUrl(cookies, ctx)
    if (url === undefined) throw new Problem(400, 'sign_in_lost', 'This sign-in is over. Begin again from the client.')
    ctx.set('Cache-Control', 'no-store')
    ctx.redirect(url)
    return Promise.resolve()
  }

  const emergency = emergencySignIn(parts)
  // Nothing is mounted but by these, so that no step of a conversation is without its limit, nor any form.
  const page = (path: string, ...story: Step[]) => router.get(path, ...(story as Middleware[]))
  const step = (path: string, ...story: Step[]) => router.get(path, parts.limitSteps, ...(story as Middleware[]))
  const formStep = (path: string, ...story: Step[]) =>
    router.post(path, parts.limitSteps, readForm as Middleware, ...(story as Middleware[]))

  page('/', askForAccount)
  step(`${CALLBACK_PATH}/:id`, recallByState, atItsCallback, onlyOnce, proceedWithSignIn)
  step(SHARED_CALLBACK_PATH, recallByState, atItsCallback, onlyOnce, proceedWithSignIn)
  page('/:account', findAccount, readIntent, goHomeIfSignedIn, goToSignIn)
  page('/:account/sign_in', findAccount, readIntent, goToDefaultProvider, showProviders)
  page('/:account/sign_in/providers', findAccount, readIntent, showProviders)
  page('/:account/sign_in/client_redirect', handOver)
  page('/:account/sign_in/emergency', findAccount, readIntent, emergency.ask)
  formStep('/:account/sign_in/approve', findAccount, approve)
  formStep('/:account/sign_in/emergency', findAccount, emergency.redeem)
  step('/:account/sign_in/:kind/:id', findAccount, findProvider, readIntent, beginSignIn)
  formStep('/:account/sign_in/:kind/:id', recallByForm, sameProvider, proceedWithSignIn)
  return router.routes() as Middleware
}

/** Whether somebody wants to be shown the account's providers, though there is a default one: `?provider=choose`. */
const wantsChoice = (ctx: SignInContext): boolean => ctx.query['provider'] === 'choose'

const lost = (): Problem =>
  new Problem(
    400,
    'sign_in_lost',
    'You are not signed in: this sign-in took too long, was used already, or began in another browser. Begin again, from the client or from the start page.',
  )
