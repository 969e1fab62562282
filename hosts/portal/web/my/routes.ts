import { Router } from '@koa/router'
import type { Context, Middleware } from 'koa'
import { DAY, unixTime, type UnixTime } from '../../../../core/runtime/time.ts'
import type { Decisions } from '../../explain/decisions.ts'
import type { Account, Token } from '../../store/entities.ts'
import type { AuditSubject } from '../../store/store.ts'
import { EMERGENCY_MS } from '../sign-in/emergency.ts'
import type { FinishParts } from '../sign-in/finish.ts'
import { callbackUrl } from '../sign-in/provider-urls.ts'
import { isOwnForm, type PortalSession } from '../sign-in/session.ts'
import { Name } from '../api/wire.ts'
import { formFields, readForm } from '../http/form-fields.ts'
import { routesAndRefusals } from '../http/allowed-methods.ts'
import { EXACT_ROUTES } from '../http/exact-routes.ts'
import { notFound, Problem } from '../http/problem.ts'
import { denialsOf } from './denials.ts'

export interface MyParts extends FinishParts {
  decisions: Decisions
  /** How browsers reach the portal, without a slash at the end. */
  publicUrl: string
}

interface MyState {
  account: Account
  session: PortalSession
  clientAddress: string
}
type MyContext = Context & { params: Record<string, string>; state: MyState }
type Step = (ctx: MyContext, next: () => Promise<unknown>) => Promise<unknown>

/** For how long an API token may be made on a page. */
const API_TOKEN_DAYS = [1, 30, 365] as const

/** The pages of whoever is signed in, about herself: what she may reach and why not, and where she is signed in. */
export const myRoutes = (parts: MyParts): Middleware => {
  const { store, pages, sessions, tokens, clock } = parts
  const router = new Router(EXACT_ROUTES)

  const findSession: Step = async (ctx, next) => {
    const slug = ctx.params['account'] ?? ''
    const session = await sessions.current(ctx, slug)
    if (session === undefined) {
      if ((await store.accountBySlug(slug)) === undefined) throw notFound()
      // A form of a session that is over must not be carried out after the next sign-in.
      const here = ctx.method === 'GET' ? ctx.path : `/${slug}/home`
      ctx.redirect(`/${slug}?redirect_to=${encodeURIComponent(here)}`)
      return
    }
    ctx.state.session = session
    ctx.state.account = session.account
    return next()
  }

  const ownForm: Step = async (ctx, next) => {
    if (!isOwnForm(ctx.state.session, formFields(ctx)['csrf'])) {
      throw new Problem(
        403,
        'forbidden',
        'This form is not from a page of your session. Go back, reload the page, and try again.',
      )
    }
    return next()
  }

  const show = (ctx: MyContext, page: string, data: Record<string, unknown>): void => {
    const { account, actor, csrf } = ctx.state.session
    const base = `/${account.slug}`
    const nav = [
      { text: 'Home', url: `${base}/home` },
      { text: 'My access', url: `${base}/my/access` },
      { text: 'My sessions', url: `${base}/my/sessions` },
    ].map((link) => ({ ...link, isHere: link.url === ctx.path }))
    if (data['hasTimes'] === true) allowOwnScript(ctx)
    pages.render(ctx, page, {
      account: account.name,
      actor: actor.name,
      isAdmin: actor.type === 'admin',
      csrf,
      base,
      nav,
      ...data,
    })
  }

  const showHome: Step = async (ctx) => {
    const { account, actor } = ctx.state.session
    const providers = actor.type === 'admin' ? await store.reader(account.id).list('identity_providers') : []
    show(ctx, 'home', {
      providers: providers.map((provider) => ({
        name: provider.name,
        callbackUrl: callbackUrl(parts.publicUrl, provider),
      })),
    })
  }

  const showAccess: Step = async (ctx) => {
    const { account, actor, provider } = ctx.state.session
    const remoteIp = ctx.state.clientAddress
    const facts = { remoteIp, ...(provider === undefined ? {} : { identityProviderId: provider.id }) }
    const about = { accountId: account.id, actorId: actor.id, at: clock.unix() }
    show(ctx, 'access', {
      hasTimes: true,
      resources: parts.decisions.accessOf({ ...about, facts }).map(({ until, again, ...access }) => ({
        ...access,
        until: shownTime(until),
        again: shownTime(again),
      })),
      denials: (await denialsOf(store, about)).map((denial) => ({ ...denial, at: shownTime(denial.at) })),
      remoteIp,
      provider: provider?.name,
    })
  }

  const showSessions: Step = async (ctx) => {
    const { session } = ctx.state
    const held = await store.reader(session.account.id).list('tokens', { where: { actorId: session.actor.id } })
    const now = clock.unix()
    show(ctx, 'sessions', {
      hasTimes: true,
      sessions: (await sessions.listOf(session)).map((one) => ({
        id: one.id,
        browser: one.browser,
        begunAt: shownTime(one.begunAt),
        expiresAt: shownTime(one.expiresAt),
        isThis: one.id === session.id,
      })),
      tokens: held.filter(({ expiresAt }) => expiresAt === null || expiresAt > now).map(shownToken),
      days: API_TOKEN_DAYS,
    })
  }

  const endSession: Step = async (ctx) => {
    const { session } = ctx.state
    const id = ctx.params['id'] ?? ''
    if (!(await sessions.endOf(session, id))) throw notFound()
    await noteSignOut(ctx, 'session_ended')
    if (id === session.id) sessions.end(ctx)
    ctx.redirect(`/${session.account.slug}/my/sessions`)
  }

  const revokeToken: Step = async (ctx) => {
    const { account, actor } = ctx.state.session
    await store.transact({ accountId: account.id, by: self(ctx) }, async (tx) => {
      const token = await tx.get('tokens', (ctx.params['id'] ?? '').toLowerCase())
      if (token === undefined || token.actorId !== actor.id) throw notFound()
      await tx.remove('tokens', token.id)
    })
    ctx.redirect(`/${account.slug}/my/sessions`)
  }

  const mintApiToken: Step = async (ctx) => {
    const { account, actor, provider, begunAt } = ctx.state.session
    const { name = '', days = '' } = formFields(ctx)
    const lifetime = API_TOKEN_DAYS.find((allowed) => String(allowed) === days)
    if (actor.type !== 'admin') throw new Problem(403, 'forbidden', 'Only admins have API tokens.')
    const verdict = Name.safeParse(name)
    if (lifetime === undefined || !verdict.success) {
      throw new Problem(422, 'invalid_body', 'Give the token a name and a lifetime.')
    }
    const asked = clock.unix() + lifetime * DAY
    // It ends with what she was signed in by: a provider, or the session that an emergency code opened.
    const expiresAt = unixTime(provider === undefined ? Math.min(asked, begunAt + EMERGENCY_MS) : asked)
    const { text } = await store.transact({ accountId: account.id, by: self(ctx) }, (tx) =>
      tokens.mint(tx, account.id, {
        kind: 'api',
        name: verdict.data,
        actorId: actor.id,
        ...(provider === undefined ? {} : { identityProviderId: provider.id }),
        expiresAt,
      }),
    )
    show(ctx, 'token', {
      title: 'A new API token',
      text: [
        'Keep it where only your program reads it. It is shown only once.',
        ...untilWhen(provider, expiresAt),
      ].join(' '),
      token: text,
    })
  }

  const signOut: Step = async (ctx) => {
    await noteSignOut(ctx, 'signed_out')
    sessions.end(ctx)
    ctx.redirect(`/${ctx.state.account.slug}/sign_in/providers`)
  }

  const noteSignOut = async (ctx: MyContext, reason: string): Promise<void> => {
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

  // Nothing is mounted but by these two: every page is of a session, and every form is of a page of that session.
  const page = (path: string, show: Step) => router.get(path, ...([findSession, show] as Middleware[]))
  const ownFormAt = (path: string, act: Step) =>
    router.post(path, ...([readForm, findSession, ownForm, act] as Middleware[]))

  page('/:account/home', showHome)
  page('/:account/my/access', showAccess)
  page('/:account/my/sessions', showSessions)
  ownFormAt('/:account/my/sessions/:id/end', endSession)
  ownFormAt('/:account/my/tokens/:id/revoke', revokeToken)
  ownFormAt('/:account/my/api_tokens', mintApiToken)
  ownFormAt('/:account/sign_out', signOut)
  return routesAndRefusals(router)
}

const self = (ctx: MyContext): AuditSubject => ({
  type: 'actor',
  actorId: ctx.state.session.actor.id,
  via: 'session',
  remoteIp: ctx.state.clientAddress,
})

/** What is to be said of a token that was made in a session by an emergency code. */
const untilWhen = (provider: unknown, expiresAt: UnixTime): string[] =>
  provider === undefined
    ? [`As you are signed in by an emergency code, it is good until ${shownTime(expiresAt)?.text ?? ''} only.`]
    : []

const shownToken = ({ id, kind, name, createdAt, lastUsedAt, expiresAt }: Token) => ({
  id,
  name,
  kind: kind === 'api' ? 'API' : 'Client',
  createdAt: shownTime(createdAt),
  lastUsedAt: shownTime(lastUsedAt ?? undefined),
  expiresAt: shownTime(expiresAt ?? undefined),
})

/** Lets a page load the portal's one script, which shows times in the viewer's zone: only her browser knows it. */
const allowOwnScript = (ctx: MyContext): void =>
  ctx.set('Content-Security-Policy', `${ctx.response.get('Content-Security-Policy')};script-src 'self'`)

/** A time in UTC, for a browser that runs no script; `time.js` shows it in the viewer's zone. */
const shownTime = (time: UnixTime | undefined): { iso: string; text: string } | undefined => {
  if (time === undefined) return undefined
  const iso = new Date(time).toISOString()
  return { iso, text: `${iso.slice(0, 16).replace('T', ' ')} UTC` }
}
