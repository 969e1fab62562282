import type { Context } from 'koa'
import { MINUTE, unixTime } from '../../../../core/runtime/time.ts'
import type { Clock } from '../../../../core/runtime/clock.ts'
import type { Account, Actor, SignInStatements } from '../../store/entities.ts'
import type { Store } from '../../store/store.ts'
import type { MintedToken, Tokens } from '../../identity/tokens.ts'
import { Problem } from '../http/problem.ts'
import type { Pages } from '../http/pages.ts'
import type { SealedCookies } from '../http/sealed-cookie.ts'
import type { SignInIntent } from './intent.ts'
import type { Sessions } from './session.ts'
import { standingOf } from './standing.ts'

/** Time for which the last page can open the client again. */
const CLIENT_URL_MS = 5 * MINUTE
const CLIENT_URL_COOKIE = 'portreeve_client_url'

export interface FinishParts {
  store: Store
  tokens: Tokens
  clock: Clock
  pages: Pages
  cookies: SealedCookies
  sessions: Sessions
  clientScheme: string
}

/** Way in which a person authenticated, and the lifetimes of tokens and sessions from it. */
export interface SignInWay {
  name: string
  /** Provider that authenticated the person; null for an emergency code. */
  identityProviderId: string | null
  /** Identity under which the provider knows the person; null for an emergency code. */
  identityId: string | null
  clientTokenLifetimeMs: number
  sessionLifetimeSeconds: number
}

export interface SignedIn {
  account: Account
  actor: Actor
  way: SignInWay
  /** Statements of the provider about the sign-in; null for an emergency code. */
  signIn: SignInStatements | null
  intent: SignInIntent
}

/** Completes a browser's sign-in: begins a session. `signOutHint` is what the provider wants back at the sign-out. */
export const signInBrowser = async (
  parts: FinishParts,
  ctx: Context,
  { signOutHint, ...signedIn }: SignedIn & { signOutHint?: string | undefined },
): Promise<void> => {
  const { account, actor, intent, way, signIn } = signedIn
  const { identityProviderId, identityId, sessionLifetimeSeconds } = way
  await noteSignIn(parts, ctx, signedIn)
  await parts.sessions.begin(ctx, {
    actor,
    identityProviderId,
    identityId,
    lifetimeSeconds: sessionLifetimeSeconds,
    signIn,
    signOutHint,
  })
  ctx.redirect(intent.redirectTo ?? `/${account.slug}/home`)
}

/**
 * Completes a client's sign-in after the person approved it: mints a token and delivers it through the client's URL
 * scheme, its loopback callback, or a page to copy it from.
 */
export const signInClient = async (parts: FinishParts, ctx: Context, given: SignedIn): Promise<void> => {
  const signedIn = { ...given, remoteIp: String(ctx.state['clientAddress']) }
  const { account, actor, intent } = signedIn
  const { callback } = intent
  if (intent.as === 'gui-client') {
    const base = `${parts.clientScheme}://handle_client_sign_in_callback`
    await mintClientToken(parts, signedIn, ({ fragment }) =>
      showClientDone(parts, ctx, signedIn, { url: `${base}?${callbackQuery(signedIn, fragment)}` }),
    )
  } else if (callback !== undefined) {
    await mintClientToken(parts, signedIn, ({ fragment }) => {
      const url = new URL(callback)
      const own = url.search === '' ? '' : `${url.search.slice(1)}&`
      url.search = own + callbackQuery(signedIn, fragment)
      showClientDone(parts, ctx, signedIn, { url: url.href })
    })
  } else {
    const { fragment } = await mintClientToken(parts, signedIn)
    parts.pages.render(ctx, 'token', {
      title: 'You are signed in',
      account: account.name,
      text: `Welcome, ${actor.name}. Copy all of this token, and paste it into the client that asked for it. It is shown only once, and works for that client only.`,
      token: fragment,
    })
  }
  await noteSignIn(parts, ctx, signedIn)
}

const noteSignIn = async (
  { store, clock }: FinishParts,
  ctx: Context,
  { account, actor, way, intent }: SignedIn,
): Promise<void> =>
  store.recordSignIn(account.id, {
    at: clock.unix(),
    action: 'signed_in',
    reason: intent.as,
    by: { type: 'actor', actorId: actor.id, via: 'sign_in', remoteIp: String(ctx.state['clientAddress']) },
    actorId: actor.id,
    identityProviderId: way.identityProviderId,
    remoteIp: String(ctx.state['clientAddress']),
  })

/**
 * Returns the client's URL with the fragment of its token, on its loopback listener or in its URL scheme; undefined if
 * nobody has just signed in in this browser.
 */
export const clientUrl = (cookies: SealedCookies, ctx: Context): string | undefined =>
  (cookies.get(ctx, CLIENT_URL_COOKIE) as { url: string } | undefined)?.url

/** Shows the page that opens the client. The URL, with the token's fragment, is only in a sealed cookie. */
const showClientDone = (
  { cookies, pages }: FinishParts,
  ctx: Context,
  { account, actor }: SignedIn,
  value: { url: string },
): void => {
  cookies.set(ctx, { name: CLIENT_URL_COOKIE, value, lifetimeMs: CLIENT_URL_MS })
  const refresh = `/${account.slug}/sign_in/client_redirect`
  pages.render(ctx, 'client-done', { account: account.name, actor: actor.name, refresh })
}

/** Mints a client's token and delivers it before the commit: if delivery fails, there is no token. */
const mintClientToken = async (
  { store, tokens, clock }: FinishParts,
  { account, actor, way, intent, signIn, remoteIp }: SignedIn & { remoteIp: string },
  deliver?: (minted: MintedToken) => void,
): Promise<MintedToken> => {
  const by = { type: 'actor', actorId: actor.id, via: 'sign_in', remoteIp } as const
  return store.transact({ accountId: account.id, by }, async (tx) => {
    // An admin may have disabled or removed something since the sign-in began.
    if ((await standingOf(tx, { ...way, actorId: actor.id })) === undefined) {
      throw new Problem(403, 'unknown_person', 'You may not sign in like this any more. Begin again, or ask an admin.')
    }
    const minted = await tokens.mint(tx, account.id, {
      kind: 'client',
      name: `Signed in with ${way.name}`.slice(0, 255),
      actorId: actor.id,
      ...(way.identityProviderId === null ? { isEmergency: true } : { identityProviderId: way.identityProviderId }),
      signIn,
      expiresAt: unixTime(clock.unix() + way.clientTokenLifetimeMs),
      nonce: intent.nonce,
    })
    deliver?.(minted)
    return minted
  })
}

/**
 * Maximum length of a name in the callback URL, percent-encoded: with two names the URL still fits a cookie. Enough for
 * 42 Chinese or 384 English characters.
 */
const MAX_SHOWN_NAME_BYTES = 384

/** Returns a name as clients show it, cut between characters if too long. */
const shownName = (name: string): string => {
  if (encodeURIComponent(name).length <= MAX_SHOWN_NAME_BYTES) return name
  let [shown, length] = ['', encodeURIComponent('…').length]
  for (const character of name) {
    length += encodeURIComponent(character).length
    if (length > MAX_SHOWN_NAME_BYTES) break
    shown += character
  }
  return `${shown}…`
}

// Blanks become %20, because some clients take a plus literally.
const callbackQuery = ({ account, actor, intent }: SignedIn, fragment: string): string =>
  Object.entries({
    fragment,
    state: intent.state,
    actor_name: shownName(actor.name),
    account_slug: account.slug,
    account_name: shownName(account.name),
    identity_provider_identifier: actor.email ?? actor.id,
  })
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')
