// Middlewares that show pages about the signed-in person.
import { DAY } from '../../../../core/runtime/time.ts'
import { Facts } from '../../../../core/contract/facts.ts'
import { may } from '../../identity/permissions.ts'
import { API_TOKEN_LIFE_MS } from '../../identity/tokens.ts'
import type { Token } from '../../store/entities.ts'
import { callbackUrl, signedOutPath } from '../sign-in/provider-urls.ts'
import { denialsOf } from './denials.ts'
import type { MyMiddleware } from './my-parts.ts'
import { scopesFor } from './offered-scopes.ts'
import { showPage } from './show-page.ts'
import { shownTime } from '../http/shown-time.ts'

/** Lifetimes, in days, that a page offers for an API token. */
export const API_TOKEN_DAYS = [1, 30, 90, 365] as const

/** Shows the start page; to whoever may read them with the callback URLs of the account's identity providers. */
export const showHome: MyMiddleware =
  ({ store, pages, publicUrl }) =>
  async (ctx) => {
    const { account, actor } = ctx.state.session
    const isTold = may(actor, 'identity_providers:read')
    const providers = isTold ? await store.reader(account.id).list('identity_providers') : undefined
    showPage(pages, ctx, {
      page: 'home',
      signedOutUrl: `${publicUrl}${signedOutPath(account)}`,
      providers: providers?.map((provider) => ({
        name: provider.name,
        callbackUrl: callbackUrl(publicUrl, provider),
      })),
    })
  }

/** Shows a person's access to each resource with the reasons for denials, and recent denials. */
export const showAccess: MyMiddleware =
  ({ store, pages, clock, decisions }) =>
  async (ctx) => {
    const { account, actor, provider, signIn } = ctx.state.session
    const remoteIp = ctx.state.clientAddress
    const facts = {
      [Facts.client.address.name]: remoteIp,
      [Facts.signIn.providerId.name]: provider?.id,
      [Facts.signIn.authenticatedAt.name]: signIn?.authenticatedAt,
      [Facts.signIn.methods.name]: signIn?.methods,
      [Facts.signIn.providerGroups.name]: signIn?.groups,
      [Facts.signIn.claims.name]: signIn?.claims,
    }
    const about = { accountId: account.id, actorId: actor.id, at: clock.unix() }
    showPage(pages, ctx, {
      page: 'access',
      hasTimes: true,
      resources: (await decisions.accessOf({ ...about, facts })).map(({ until, again, ...access }) => ({
        ...access,
        until: shownTime(until),
        again: shownTime(again),
      })),
      denials: (await denialsOf(store, about)).map((denial) => ({ ...denial, at: shownTime(denial.at) })),
      remoteIp,
      provider: provider?.name,
    })
  }

/** Shows a person's sessions and tokens. */
export const showSessions: MyMiddleware =
  ({ store, pages, clock, sessions }) =>
  async (ctx) => {
    const { session } = ctx.state
    const held = await store.reader(session.account.id).list('tokens', { where: { actorId: session.actor.id } })
    const now = clock.unix()
    showPage(pages, ctx, {
      page: 'sessions',
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
      defaultDays: API_TOKEN_LIFE_MS / DAY,
      scopes: scopesFor(session.actor.type),
    })
  }

const shownToken = ({ id, kind, name, createdAt, lastUsedAt, expiresAt }: Token) => ({
  id,
  name,
  kind: kind === 'api' ? 'API' : 'Client',
  createdAt: shownTime(createdAt),
  lastUsedAt: shownTime(lastUsedAt ?? undefined),
  expiresAt: shownTime(expiresAt ?? undefined),
})
