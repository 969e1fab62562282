import { bodyParser } from '@koa/bodyparser'
import { Router } from '@koa/router'
import type { Context, Middleware } from 'koa'
import type { Refusal, SignInStep } from '../../../../core/contract/identity-provider.ts'
import type { Logger } from '../../../../core/runtime/logger.ts'
import { MINUTE } from '../../../../core/runtime/time.ts'
import type { Account, IdentityProviderRow } from '../../entities.ts'
import { notFound, Problem } from '../problem.ts'
import { converse, type ConversationParts, type Reply } from './conversation.ts'
import { finishSignIn, handoverUrl, type FinishParts } from './finish.ts'
import { intentQuery, parseIntent, type SignInIntent } from './intent.ts'
import { linkActor } from './link-actor.ts'
import { isOwnForm } from './session.ts'

export interface SignInParts extends FinishParts, ConversationParts {
  logger: Logger
}

/** What the browser keeps between the steps, sealed. */
interface Pending {
  accountId: string
  providerId: string
  intent: SignInIntent
  keep: Reply['keep']
}

const PENDING_COOKIE = 'portreeve_sign_in'
const PENDING_MS = 5 * MINUTE
const LONGEST_PENDING_MS = 15 * MINUTE

/** Path of the one callback of every provider. */
export const CALLBACK_PATH = '/auth/oidc/callback'

/** What the sign-in's steps know. */
interface SignInState {
  account: Account
  intent: SignInIntent
  provider: IdentityProviderRow
  pending: Pending
}
type Step = (ctx: SignInContext, next: () => Promise<unknown>) => Promise<unknown>
type SignInContext = Context & { params: Record<string, string>; state: SignInState }

/** Sign-in as requests: protocol.md §1. */
export const signInRoutes = (parts: SignInParts): Middleware => {
  const { store, pages, cookies, sessions, logger } = parts
  const router = new Router()
  const form = bodyParser({ enableTypes: ['form'], formLimit: '8kb' }) as Step

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
    if (!verdict.ok) throw new Problem(400, 'invalid_sign_in', verdict.problem)
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
    ctx.redirect(`/${ctx.state.account.slug}/sign_in${intentQuery(ctx.state.intent)}`)
    return Promise.resolve()
  }

  const enabledProviders = async (account: Account): Promise<IdentityProviderRow[]> =>
    store.reader(account.id).list('identity_providers', { where: { isDisabled: false }, limit: 50 })

  const goToDefaultProvider: Step = async (ctx, next) => {
    const { account, intent } = ctx.state
    const provider = (await enabledProviders(account)).find(({ isDefault }) => isDefault)
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

  const beginSignIn: Step = async (ctx) => talk(ctx, () => converse(parts, ctx.state.provider))

  const recallPending: Step = async (ctx, next) => {
    const pending = cookies.get(ctx, PENDING_COOKIE) as Pending | undefined
    cookies.clear(ctx, PENDING_COOKIE)
    const reader = pending === undefined ? undefined : store.reader(pending.accountId)
    const account = await reader?.get('accounts', pending?.accountId ?? '')
    const provider = await reader?.get('identity_providers', pending?.providerId ?? '')
    if (
      pending === undefined ||
      account === undefined ||
      account.isDisabled ||
      provider === undefined ||
      provider.isDisabled
    ) {
      throw new Problem(
        400,
        'sign_in_lost',
        'This sign-in took more than five minutes or began in another browser. Begin again, from the client or from the start page.',
      )
    }
    Object.assign(ctx.state, { pending, account, provider, intent: pending.intent })
    return next()
  }

  const sameProvider: Step = async (ctx, next) => {
    const { account, provider } = ctx.state
    const { account: slug, id } = ctx.params
    if (account.slug !== slug || provider.id !== id) throw notFound()
    return next()
  }

  const proceedWithSignIn: Step = async (ctx) =>
    talk(ctx, () =>
      converse(parts, ctx.state.provider, {
        keep: ctx.state.pending.keep,
        url: new URL(ctx.url, parts.callbackUrl).href,
        fields: formFields(ctx),
      }),
    )

  /** Carries out what a provider's plugin answers. Its failure is its own: the person may try again, or another provider. */
  const talk = async (ctx: SignInContext, step: () => Promise<SignInStep>): Promise<void> => {
    const { account, provider, intent } = ctx.state
    const answer = await step().catch((error: unknown): SignInStep => {
      logger.warn({ error, accountId: account.id, providerId: provider.id }, 'an identity provider failed')
      return { type: 'refused', refusal: UNAVAILABLE }
    })
    switch (answer.type) {
      case 'redirect':
      case 'prompt': {
        const value: Pending = { accountId: account.id, providerId: provider.id, intent, keep: answer.keep }
        const wanted = answer.type === 'prompt' ? answer.keptMs : undefined
        cookies.set(ctx, {
          name: PENDING_COOKIE,
          value,
          lifetimeMs: Math.min(wanted ?? PENDING_MS, LONGEST_PENDING_MS),
        })
        if (answer.type === 'redirect') ctx.redirect(answer.url)
        else pages.render(ctx, 'prompt', { prompt: answer.prompt, action: providerUrl(account, provider) })
        return
      }
      case 'refused':
        refuse(ctx, answer.refusal)
        return
      case 'identified': {
        const link = await linkActor(store, { provider, identity: answer.identity })
        if (link.ok) await finishSignIn(parts, ctx, { account, actor: link.actor, provider, intent })
        else refuse(ctx, { ...link, tryAgain: false })
      }
    }
  }

  const refuse = (ctx: SignInContext, { code, publicText, detail, tryAgain }: Refusal): void => {
    const { account, provider, intent } = ctx.state
    logger.info({ code, detail, accountId: account.id, providerId: provider.id }, 'sign-in refused')
    ctx.status = code === UNAVAILABLE.code ? 502 : 403
    pages.render(ctx, 'problem', {
      title: 'You are not signed in',
      detail: publicText,
      code,
      links: [
        ...(tryAgain ? [{ text: 'Try again', url: providerUrl(account, provider, intent) }] : []),
        { text: 'Sign in another way', url: `/${account.slug}/sign_in/providers${intentQuery(intent)}` },
      ],
    })
  }

  const handOver: Step = async (ctx) => {
    const url = handoverUrl(cookies, ctx)
    if (url === undefined) throw new Problem(400, 'sign_in_lost', 'This sign-in is over. Begin again from the client.')
    ctx.set('Cache-Control', 'no-store')
    ctx.redirect(url)
    return Promise.resolve()
  }

  const showHome: Step = async (ctx) => {
    const { account } = ctx.state
    const session = await sessions.current(ctx, account.slug)
    if (session === undefined) {
      ctx.redirect(`/${account.slug}?redirect_to=${encodeURIComponent(`/${account.slug}/home`)}`)
      return
    }
    const signOut = `/${account.slug}/sign_out`
    pages.render(ctx, 'signed-in', { account: account.name, actor: session.actor.name, csrf: session.csrf, signOut })
  }

  const signOut: Step = async (ctx) => {
    const { account } = ctx.state
    const session = await sessions.current(ctx, account.slug)
    if (session !== undefined && !isOwnForm(session, formFields(ctx)['csrf'])) {
      throw new Problem(403, 'forbidden', 'This form is not from a page of your session.')
    }
    sessions.end(ctx)
    ctx.redirect(`/${account.slug}/sign_in/providers`)
  }

  const get = (path: string, ...story: Step[]) => router.get(path, ...(story as Middleware[]))
  const post = (path: string, ...story: Step[]) => router.post(path, ...(story as Middleware[]))

  get('/', askForAccount)
  get(CALLBACK_PATH, recallPending, proceedWithSignIn)
  get('/:account', findAccount, readIntent, goHomeIfSignedIn, goToSignIn)
  get('/:account/home', findAccount, showHome)
  get('/:account/sign_in', findAccount, readIntent, goToDefaultProvider, showProviders)
  get('/:account/sign_in/providers', findAccount, readIntent, showProviders)
  get('/:account/sign_in/client_redirect', handOver)
  get('/:account/sign_in/:kind/:id', findAccount, findProvider, readIntent, beginSignIn)
  post('/:account/sign_in/:kind/:id', form, recallPending, sameProvider, proceedWithSignIn)
  post('/:account/sign_out', form, findAccount, signOut)
  return router.routes() as Middleware
}

const UNAVAILABLE: Refusal = {
  code: 'provider_unavailable',
  publicText: 'The identity provider does not answer as it should. Try again in a moment, or tell an admin.',
  tryAgain: true,
}

const providerUrl = (account: Account, provider: IdentityProviderRow, intent?: SignInIntent): string =>
  `/${account.slug}/sign_in/${provider.type}/${provider.id}${intent === undefined ? '' : intentQuery(intent)}`

const formFields = (ctx: Context): Record<string, string> => {
  const body = (ctx.request.body ?? {}) as Record<string, unknown>
  return Object.fromEntries(Object.entries(body).filter(([, value]) => typeof value === 'string')) as Record<
    string,
    string
  >
}
