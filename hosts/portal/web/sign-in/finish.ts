import type { Context } from 'koa'
import { SECOND, MINUTE, unixTime } from '../../../../core/runtime/time.ts'
import type { Clock } from '../../../../core/runtime/clock.ts'
import type { Account, Actor, IdentityProviderRow } from '../../entities.ts'
import type { Store } from '../../store/store.ts'
import type { MintedToken, Tokens } from '../../tokens.ts'
import type { Pages } from '../pages.ts'
import type { SealedCookies } from '../sealed-cookie.ts'
import type { SignInIntent } from './intent.ts'
import type { Sessions } from './session.ts'

/** How long the client may be opened again from the last page. */
const HANDOVER_MS = 5 * MINUTE
const HANDOVER_COOKIE = 'portreeve_handover'

export interface FinishParts {
  store: Store
  tokens: Tokens
  clock: Clock
  pages: Pages
  cookies: SealedCookies
  sessions: Sessions
  clientScheme: string
}

export interface SignedIn {
  account: Account
  actor: Actor
  provider: IdentityProviderRow
  intent: SignInIntent
}

/** The end of a sign-in: a token for a client, which learns it by its own way, or a session for an admin. */
export const finishSignIn = async (parts: FinishParts, ctx: Context, signedIn: SignedIn): Promise<void> => {
  const { account, actor, intent } = signedIn
  const { pages, cookies, sessions } = parts
  switch (intent.as) {
    case 'gui-client': {
      const { fragment } = await mintClientToken(parts, signedIn)
      const url = `${parts.clientScheme}://handle_client_sign_in_callback?${callbackQuery(signedIn, fragment)}`
      cookies.set(ctx, { name: HANDOVER_COOKIE, value: { url }, lifetimeMs: HANDOVER_MS })
      pages.render(ctx, 'client-done', { actor: actor.name, refresh: `/${account.slug}/sign_in/client_redirect` })
      return
    }
    case 'headless-client': {
      const { fragment } = await mintClientToken(parts, signedIn)
      if (intent.callback === undefined) {
        pages.render(ctx, 'token', { actor: actor.name, token: fragment })
        return
      }
      const url = new URL(intent.callback)
      const own = url.search === '' ? '' : `${url.search.slice(1)}&`
      url.search = own + callbackQuery(signedIn, fragment)
      ctx.redirect(url.href)
      return
    }
    case 'browser':
      if (actor.type !== 'admin') {
        ctx.status = 403
        const detail = 'You are signed in, but only admins have something to do here. To connect, use a client.'
        pages.render(ctx, 'problem', { title: `Hello, ${actor.name}`, detail, links: [] })
        return
      }
      await sessions.begin(ctx, signedIn)
      ctx.redirect(intent.redirectTo ?? `/${account.slug}/home`)
  }
}

/** Where the handover page leads to: the client's own scheme, or undefined where nobody just signed in. */
export const handoverUrl = (cookies: SealedCookies, ctx: Context): string | undefined =>
  (cookies.get(ctx, HANDOVER_COOKIE) as { url: string } | undefined)?.url

const mintClientToken = async (
  { store, tokens, clock }: FinishParts,
  { account, actor, provider, intent }: SignedIn,
): Promise<MintedToken> => {
  const by = { type: 'actor', actorId: actor.id, via: 'sign_in' } as const
  return store.transact({ accountId: account.id, by }, (tx) =>
    tokens.mint(tx, account.id, {
      kind: 'client',
      name: `Signed in with ${provider.name}`.slice(0, 255),
      actorId: actor.id,
      identityProviderId: provider.id,
      expiresAt: unixTime(clock.unix() + provider.clientTokenLifetimeSeconds * SECOND),
      nonce: intent.nonce,
    }),
  )
}

// Blanks as %20: some clients take a plus for itself.
const callbackQuery = ({ account, actor, intent }: SignedIn, fragment: string): string =>
  Object.entries({
    fragment,
    state: intent.state,
    actor_name: actor.name,
    account_slug: account.slug,
    account_name: account.name,
    identity_provider_identifier: actor.email ?? actor.id,
  })
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')
