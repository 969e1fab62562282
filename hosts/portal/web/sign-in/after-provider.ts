// Middlewares of a sign-in after the browser has returned from the provider, in the order in which the routes use them.
import { MINUTE, unixTime } from '../../../../core/runtime/time.ts'
import { formFields } from '../http/form-fields.ts'
import { notFound, Problem } from '../http/problem.ts'
import { redeemApproval } from './approval.ts'
import { clientUrl } from './finish.ts'
import type { PendingSignIns } from './pending.ts'
import { noteRefusal } from './refuse.ts'
import { runSignInStep, type SignInStepParts } from './run-sign-in-step.ts'
import type { SignInContext } from './sign-in-context.ts'
import type { SignInMiddleware } from './sign-in-parts.ts'
import { requestIdOf } from '../http/request-id.ts'
import { settingsFingerprint } from './standing.ts'

/** Finds the pending sign-in by the `state` in the callback's query. */
export const recallByState: SignInMiddleware = (parts) => async (ctx, next) => {
  const { state } = ctx.query
  await recall(parts, ctx, { state: typeof state === 'string' ? state : undefined })
  return next()
}

/**
 * Accepts an answer only at the callback to which the browser was told to return (RFC 9700 §4.4). Otherwise a hostile
 * provider could send the browser on to an honest one, with the state of its own pending sign-in, and receive the
 * honest one's code.
 */
export const atItsCallback: SignInMiddleware = (parts) => async (ctx, next) => {
  const { pending, provider } = ctx.state
  const { id } = ctx.params
  const isExpected =
    pending.atSharedCallback === true
      ? id === undefined && typeof ctx.query['iss'] === 'string'
      : pending.atSharedCallback === false && id === provider.id
  if (isExpected) return next()
  parts.logger.warn(
    { accountId: provider.accountId, providerId: provider.id, path: ctx.path, requestId: requestIdOf(ctx) },
    'an answer came to the wrong callback',
  )
  await noteRefusal(parts, ctx, { reason: 'wrong_callback' })
  throw lost()
}

/**
 * Accepts each callback only once. Uses are recorded in the database, because a browser can restore a copied cookie.
 */
export const onlyOnce: SignInMiddleware =
  ({ store, clock }) =>
  async (ctx, next) => {
    const { pending, account, provider } = ctx.state
    const records = store.signInRecords({ accountId: account.id, providerId: provider.id })
    const used = String(ctx.query['state'] ?? '').slice(0, 128)
    const until = unixTime(clock.unix() + 15 * MINUTE)
    const isFirst = await records.change(`callback/${pending.signInId}/${used}`, (record) => ({
      record: { used: true },
      until,
      result: record === undefined,
    }))
    if (!isFirst) throw lost()
    return next()
  }

/** Runs the next step of a sign-in with the request with which the browser came back. */
export const proceedWithSignIn: SignInMiddleware = (parts) => async (ctx) => {
  const { pending } = ctx.state
  const url = new URL(ctx.url, parts.publicUrl).href
  const reply = { keep: pending.keep, url, fields: formFields(ctx) }
  return runSignInStep(parts, ctx, { signInId: pending.signInId, reply })
}

/** Redirects to the client's loopback listener or URL scheme, with the fragment of its token. */
export const openClient: SignInMiddleware =
  ({ cookies }) =>
  async (ctx) => {
    const url = clientUrl(cookies, ctx)
    if (url === undefined) throw new Problem(400, 'sign_in_lost', 'This sign-in is over. Begin again from the client.')
    ctx.set('Cache-Control', 'no-store')
    ctx.redirect(url)
    return Promise.resolve()
  }

/** Signs in a client after the person has approved it. */
export const approve: SignInMiddleware = (parts) => async (ctx) => redeemApproval(parts, ctx)

/** Finds the pending sign-in by the id in its form. */
export const recallByForm: SignInMiddleware = (parts) => async (ctx, next) => {
  await recall(parts, ctx, { id: formFields(ctx)['sign_in'] ?? '' })
  return next()
}

/** Accepts a form only at the URL of the account and provider that it belongs to. */
export const sameProvider: SignInMiddleware = () => async (ctx, next) => {
  const { account, provider } = ctx.state
  const { account: slug, id } = ctx.params
  if (account.slug !== slug || provider.id !== id) throw notFound()
  return next()
}

const recall = async (
  { store, pendings }: SignInStepParts,
  ctx: SignInContext,
  sent: Parameters<PendingSignIns['recall']>[1],
): Promise<void> => {
  const pending = pendings.recall(ctx, sent)
  if (pending === undefined) throw lost()
  const reader = store.reader(pending.accountId)
  const account = await reader.get('accounts', pending.accountId)
  const provider = await reader.get('identity_providers', pending.providerId)
  if (account === undefined || account.isDisabled) throw lost()
  if (provider === undefined || provider.isDisabled || settingsFingerprint(provider) !== pending.setUp) throw lost()
  Object.assign(ctx.state, { pending, account, provider, intent: pending.intent })
}

const lost = (): Problem =>
  new Problem(
    400,
    'sign_in_lost',
    'You are not signed in: this sign-in took too long, was used already, or began in another browser. Begin again, from the client or from the start page.',
  )
