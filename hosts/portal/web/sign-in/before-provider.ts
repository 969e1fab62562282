// Middlewares of a sign-in before the browser goes to the provider, in the order in which the routes use them.
import { notFound, Problem } from '../http/problem.ts'
import { intentQuery, parseIntent, SURVIVING } from './intent.ts'
import { providerUrl } from './provider-urls.ts'
import { OTHER_ACCOUNT } from './refuse.ts'
import { runSignInStep } from './run-sign-in-step.ts'
import type { SignInContext } from './sign-in-context.ts'
import type { SignInMiddleware } from './sign-in-parts.ts'

/** Asks for the account's slug, or redirects to the account that the query names. */
export const askForAccount: SignInMiddleware =
  ({ pages }) =>
  async (ctx) => {
    const { account, ...rest } = ctx.query
    const sent = Object.entries(rest).filter(([, value]) => typeof value === 'string') as [string, string][]
    if (typeof account === 'string' && /^[\w-]{1,63}$/.test(account)) {
      ctx.redirect(`/${account.toLowerCase()}?${new URLSearchParams(sent).toString()}`)
      return
    }
    pages.render(ctx, 'account', {
      kept: sent
        .filter(([name]) => (SURVIVING as readonly string[]).includes(name))
        .map(([name, value]) => ({ name, value })),
    })
  }

/** Finds the account named in the path. */
export const findAccount: SignInMiddleware =
  ({ store }) =>
  async (ctx, next) => {
    const account = await store.accountBySlug(ctx.params['account'] ?? '')
    if (account === undefined) throw notFound()
    if (account.isDisabled) throw new Problem(403, 'account_disabled', 'This account is disabled.')
    ctx.state.account = account
    return next()
  }

/** Reads what is to be signed in, a browser or a client, from the query. */
export const readIntent: SignInMiddleware = () => async (ctx, next) => {
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

/** Redirects a browser that is already signed in to its destination. */
export const goHomeIfSignedIn: SignInMiddleware =
  ({ sessions }) =>
  async (ctx, next) => {
    const { account, intent } = ctx.state
    const session = intent.as === 'browser' ? await sessions.current(ctx, account.slug) : undefined
    if (session === undefined) return next()
    ctx.redirect(intent.redirectTo ?? `/${account.slug}/home`)
  }

/** Redirects to the account's sign-in. */
export const goToSignIn: SignInMiddleware = () => async (ctx) => {
  const { account, intent } = ctx.state
  ctx.redirect(`/${account.slug}/sign_in${wantsChoice(ctx) ? '/providers' : ''}${intentQuery(intent)}`)
  return Promise.resolve()
}

/** Redirects to the account's default provider, if there is one and the person did not ask for a choice. */
export const goToDefaultProvider: SignInMiddleware =
  ({ store }) =>
  async (ctx, next) => {
    const { account, intent } = ctx.state
    if (wantsChoice(ctx)) return next()
    const where = { isDisabled: false, isDefault: true }
    const [provider] = await store.reader(account.id).list('identity_providers', { where, limit: 1 })
    if (provider === undefined) return next()
    ctx.redirect(providerUrl(account, provider, intent))
  }

/** Shows the account's enabled providers. */
export const showProviders: SignInMiddleware =
  ({ store, pages }) =>
  async (ctx) => {
    const { account, intent } = ctx.state
    const where = { isDisabled: false }
    const providers = await store.reader(account.id).list('identity_providers', { where, limit: 50 })
    pages.render(ctx, 'choose', {
      account: account.name,
      providers: providers.map((provider) => ({ name: provider.name, url: providerUrl(account, provider, intent) })),
    })
  }

/** Finds the provider named in the path. */
export const findProvider: SignInMiddleware =
  ({ store }) =>
  async (ctx, next) => {
    const { id, kind } = ctx.params
    const provider = await store.reader(ctx.state.account.id).get('identity_providers', id ?? '')
    if (provider === undefined || provider.type !== kind || provider.isDisabled) throw notFound()
    ctx.state.provider = provider
    return next()
  }

/** Runs the first step of a sign-in with its provider. */
export const beginSignIn: SignInMiddleware = (parts) => async (ctx) =>
  runSignInStep(parts, ctx, {
    signInId: parts.pendings.newSignInId(),
    chooseAccount: typeof ctx.query[OTHER_ACCOUNT] === 'string',
  })

/** Whether the query asks for the list of providers even if there is a default one: `?provider=choose`. */
const wantsChoice = (ctx: SignInContext): boolean => ctx.query['provider'] === 'choose'
