// Middlewares of a sign-in after the browser has returned from the provider, in the order in which the routes use them.
import { MINUTE, unixTime } from '../../../../core/runtime/time.ts'
import { formFields } from '../http/form-fields.ts'
import { notFound, Problem } from '../http/problem.ts'
import { redeemApproval } from './approval.ts'
import { clientUrl } from './finish.ts'
import type { Pending } from './pending.ts'
import { noteRefusal } from './refuse.ts'
import { runSignInStep, type SignInStepParts } from './run-sign-in-step.ts'
import type { SignInContext } from './sign-in-context.ts'
import type { SignInMiddleware } from './sign-in-parts.ts'
import { requestIdOf } from '../http/request-id.ts'
import { settingsFingerprint } from './standing.ts'

/** Finds the pending sign-in by the `state` in the callback's query. A test of a provider goes another way from here. */
export const recallByState: SignInMiddleware = (parts) => async (ctx, next) => {
  const { state } = ctx.query
  const pending = parts.pendings.recall(ctx, { state: typeof state === 'string' ? state : undefined })
  if (pending !== undefined && 'testId' in pending) return parts.answerTest(ctx, pending)
  await resume(parts, ctx, pending)
  return next()
}

/**
 * Accepts an answer only at the callback to which the browser was told to return (RFC 9700 §4.4). Otherwise a hostile
 * provider could send the browser on to an honest one, with the state of its own pending sign-in, and receive the
 * honest one's code.
 */
export const atItsCallback: SignInMiddleware = (parts) => async (ctx, next) => {
  const { pending, provider } = ctx.state
  if (isExpectedAt(ctx, pending)) return next()
  parts.logger.warn(
    { accountId: provider.accountId, providerId: provider.id, path: ctx.path, requestId: requestIdOf(ctx) },
    'an answer came to the wrong callback',
  )
  await noteRefusal(parts, ctx, { reason: 'wrong_callback' })
  throw lost()
}

/** Whether a callback is the one to which the browser was told to return. */
export const isExpectedAt = (
  { params: { id }, query }: Pick<SignInContext, 'params' | 'query'>,
  { providerId, atSharedCallback }: Pick<Pending, 'providerId' | 'atSharedCallback'>,
): boolean =>
  atSharedCallback === true
    ? id === undefined && typeof query['iss'] === 'string'
    : atSharedCallback === false && id === providerId

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
  const pending = parts.pendings.recall(ctx, { id: formFields(ctx)['sign_in'] ?? '' })
  // The form of a test is on a page for admins, and is answered there.
  await resume(parts, ctx, pending !== undefined && 'testId' in pending ? undefined : pending)
  return next()
}

/** Accepts a form only at the URL of the account and provider that it belongs to. */
export const sameProvider: SignInMiddleware = () => async (ctx, next) => {
  const { account, provider } = ctx.state
  const { account: slug, id } = ctx.params
  if (account.slug !== slug || provider.id !== id) throw notFound()
  return next()
}

/** Goes on with a pending sign-in, if account and provider are as when it began. */
const resume = async ({ store }: SignInStepParts, ctx: SignInContext, pending: Pending | undefined): Promise<void> => {
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
