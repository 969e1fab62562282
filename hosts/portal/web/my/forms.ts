// Middlewares that carry out forms about the signed-in person.
import { DAY, unixTime, type UnixTime } from '../../../../core/runtime/time.ts'
import { roleOf } from '../../identity/permissions.ts'
import type { AuditSubject } from '../../store/store.ts'
import { Name } from '../api/body-fields.ts'
import { formFields } from '../http/form-fields.ts'
import { notFound, Problem } from '../http/problem.ts'
import { EMERGENCY_MS } from '../sign-in/emergency.ts'
import { signOutAtProvider } from '../sign-in/sign-out.ts'
import type { MyContext, MyMiddleware, MyParts } from './my-parts.ts'
import { API_TOKEN_DAYS } from './pages.ts'
import { scopesFor } from './offered-scopes.ts'
import { showPage } from './show-page.ts'
import { shownTime } from '../http/shown-time.ts'

/** Ends one of a person's sessions. */
export const endSession: MyMiddleware = (parts) => async (ctx) => {
  const { session } = ctx.state
  const id = ctx.params['id'] ?? ''
  if (!(await parts.sessions.endOf(session, id))) throw notFound()
  await noteSignOut(parts, ctx, 'session_ended')
  if (id === session.id) parts.sessions.end(ctx)
  ctx.redirect(`/${session.account.slug}/my/sessions`)
}

/** Revokes one of a person's tokens. */
export const revokeToken: MyMiddleware =
  ({ store }) =>
  async (ctx) => {
    const { account, actor } = ctx.state.session
    await store.transact({ accountId: account.id, by: self(ctx) }, async (tx) => {
      const token = await tx.get('tokens', (ctx.params['id'] ?? '').toLowerCase())
      if (token === undefined || token.actorId !== actor.id) throw notFound()
      await tx.remove('tokens', token.id)
    })
    ctx.redirect(`/${account.slug}/my/sessions`)
  }

/** Mints an API token for a person with a role and shows it. */
export const mintApiToken: MyMiddleware =
  ({ store, pages, tokens, clock }) =>
  async (ctx) => {
    const { account, actor, provider, begunAt } = ctx.state.session
    const { name = '', days = '', scope } = formFields(ctx)
    const offered = scopesFor(actor.type)
    const wanted = scope === undefined ? offered[0] : offered.find((one) => one.scope === scope)
    const lifetime = API_TOKEN_DAYS.find((allowed) => String(allowed) === days)
    if (roleOf(actor.type) === undefined) throw new Problem(403, 'forbidden', NO_ROLE)
    const verdict = Name.safeParse(name)
    if (lifetime === undefined || wanted === undefined || !verdict.success) {
      throw new Problem(422, 'invalid_body', 'Give the token a name, a lifetime, and something that it may do.')
    }
    const asked = clock.unix() + lifetime * DAY
    // The token ends together with the provider of the session, or with the emergency session.
    const expiresAt = unixTime(provider === undefined ? Math.min(asked, begunAt + EMERGENCY_MS) : asked)
    const { text } = await store.transact({ accountId: account.id, by: self(ctx) }, (tx) =>
      tokens.mint(tx, account.id, {
        kind: 'api',
        name: verdict.data,
        actorId: actor.id,
        makerId: actor.id,
        scopes: [wanted.scope],
        ...(provider === undefined ? { isEmergency: true } : { identityProviderId: provider.id }),
        expiresAt,
      }),
    )
    showPage(pages, ctx, {
      page: 'token',
      title: 'A new API token',
      text: [
        'Keep it where only your program reads it. It is shown only once.',
        ...untilWhen(provider, expiresAt),
      ].join(' '),
      token: text,
    })
  }

/** Signs this browser out: at the portal at once, then at the identity provider, which may take long or fail. */
export const signOut: MyMiddleware = (parts) => async (ctx) => {
  const { session } = ctx.state
  await parts.sessions.endOf(session, session.id)
  parts.sessions.end(ctx)
  await noteSignOut(parts, ctx, 'signed_out')
  await signOutAtProvider(parts, ctx, session)
}

const NO_ROLE = 'Only owners, admins, auditors and the helpdesk have API tokens.'

const noteSignOut = async ({ store, clock }: MyParts, ctx: MyContext, reason: string): Promise<void> => {
  const { account, actor } = ctx.state.session
  await store.recordSignIn(account.id, {
    at: clock.unix(),
    action: 'signed_out',
    reason,
    by: self(ctx),
    actorId: actor.id,
    identityProviderId: null,
    remoteIp: ctx.state.clientAddress,
  })
}

/** Returns sentences about the expiry of an API token made in an emergency session; none for other sessions. */
const untilWhen = (provider: unknown, expiresAt: UnixTime): string[] =>
  provider === undefined
    ? [`As you are signed in by an emergency code, it is good until ${shownTime(expiresAt)?.text ?? ''} only.`]
    : []

const self = (ctx: MyContext): AuditSubject => ({
  type: 'actor',
  actorId: ctx.state.session.actor.id,
  via: 'session',
  remoteIp: ctx.state.clientAddress,
})
