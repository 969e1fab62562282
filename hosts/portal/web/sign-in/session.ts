import type Koa from 'koa'
import type { Context, Middleware } from 'koa'
import koaSession from 'koa-session'
import { equalSecrets } from '../../../../core/crypto/equal-secrets.ts'
import { sha256 } from '../../../../core/crypto/hash.ts'
import { toBase64Url, toHex } from '../../../../core/crypto/text-encoding.ts'
import type { Clock } from '../../../../core/runtime/clock.ts'
import type { Random } from '../../../../core/runtime/random.ts'
import { DAY, SECOND, unixTime, type UnixTime } from '../../../../core/runtime/time.ts'
import type { Account, Actor, IdentityProviderRow, SignInStatements } from '../../store/entities.ts'
import type { SessionOwner, SessionRows, Store } from '../../store/store.ts'
import type { Seal } from '../http/seal.ts'
import { browserName } from './browser-name.ts'
import { standingOf } from './standing.ts'

/** A person's session at the portal. */
export interface PortalSession {
  /** Id of the session's row, which does not reveal the cookie. */
  id: string
  account: Account
  actor: Actor
  /** Provider that authenticated the person; undefined for an emergency code. */
  provider: IdentityProviderRow | undefined
  begunAt: UnixTime
  /** Statements of the provider about the sign-in; null for an emergency code. */
  signIn: SignInStatements | null
  /** Text that the provider wants back at the sign-out; undefined if it gave none. */
  signOutHint: string | undefined
  /** Token in all forms of this session, against forms from other sites. */
  csrf: string
}

/** A session as shown to its owner. */
export interface ShownSession {
  id: string
  browser: string
  begunAt: UnixTime
  expiresAt: UnixTime
}

interface SessionData {
  accountId: string
  actorId: string
  /** Provider that authenticated the person; null for an emergency code. */
  identityProviderId: string | null
  /** Identity under which the provider knew the person; the session ends with it. Null for an emergency code. */
  identityId: string | null
  csrf: string
  browser: string
  begunAt: number
  signIn: SignInStatements | null
  /** Sealed, so that reading the database is not enough to use it; null if there is none. */
  signOutHint: string | null
}

export interface SessionsOptions {
  store: Store
  clock: Clock
  random: Random
  secure: boolean
  /** Encrypts what only the portal may read of a session's row. */
  seal: Seal
}

/** Provider and identity of a sign-in with what the provider said, and the lifetime of the session. */
export interface SessionTerms {
  identityProviderId: string | null
  identityId: string | null
  lifetimeSeconds: number
  signIn: SignInStatements | null
  signOutHint?: string | undefined
}

const COOKIE = 'portreeve_session'

/** Portal sessions: the cookie is opaque; all data is in the database and checked again at each use. */
export class Sessions {
  readonly #options: SessionsOptions

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  middleware(app: Koa): Middleware {
    const { store, clock, random, secure } = this.#options
    const inner = koaSession(
      {
        key: COOKIE,
        maxAge: DAY,
        httpOnly: true,
        sameSite: 'lax',
        secure,
        // The cookie is a random name of a row; a signature would add nothing.
        signed: false,
        genid: () => toBase64Url(random.bytes(32)),
        store: databaseStore(store.sessions, clock),
      },
      app,
    ) as Middleware
    return async (ctx, next) => {
      ctx.cookies.secure = secure
      return inner(ctx, next)
    }
  }

  async begin(
    ctx: Context,
    { actor, identityProviderId, identityId, lifetimeSeconds, signIn, signOutHint }: { actor: Actor } & SessionTerms,
  ): Promise<void> {
    const { random, clock, seal } = this.#options
    const data: SessionData = {
      accountId: actor.accountId,
      actorId: actor.id,
      identityProviderId,
      identityId,
      csrf: toBase64Url(random.bytes(16)),
      browser: browserName(ctx.get('user-agent')),
      begunAt: clock.unix(),
      signIn,
      signOutHint: signOutHint === undefined ? null : seal.seal(hintName(actor.id), signOutHint),
    }
    ctx.session = { ...data }
    if (ctx.session === null) return
    ctx.session.maxAge = lifetimeSeconds * SECOND
    // A new cookie at each sign-in, so that a planted one is worthless (session fixation).
    await ctx.session.regenerate()
  }

  /** Forgets the session in this browser. The row is removed only after the response is made: see `endOf`. */
  end(ctx: Context): void {
    ctx.session = null
  }

  /** Returns the session, if its account, provider, identity and actor are still valid. */
  async current(ctx: Context, accountSlug: string): Promise<PortalSession | undefined> {
    const id = hashed(ctx.cookies.get(COOKIE, { signed: false }) ?? '')
    return this.#valid(ctx.session as Partial<SessionData> | null, { id, accountSlug })
  }

  /** Returns a session as it is at present, if it has not ended since, and neither has what it rests on. */
  async again({ id, account: { slug: accountSlug } }: PortalSession): Promise<PortalSession | undefined> {
    const { store, clock } = this.#options
    const row = await store.sessions.get(id)
    if (row === undefined || row.expiresAt <= clock.unix()) return undefined
    return this.#valid(JSON.parse(row.data) as Partial<SessionData>, { id, accountSlug })
  }

  async #valid(
    data: Partial<SessionData> | null,
    { id, accountSlug }: { id: string; accountSlug: string },
  ): Promise<PortalSession | undefined> {
    if (data?.accountId === undefined || data.actorId === undefined || data.csrf === undefined) return undefined
    const reader = this.#options.store.reader(data.accountId)
    const account = await reader.get('accounts', data.accountId)
    if (account === undefined || account.isDisabled || account.slug !== accountSlug) return undefined
    const { actorId, identityProviderId = '', identityId = '' } = data
    const standing = await standingOf(reader, { actorId, identityProviderId, identityId })
    if (standing === undefined) return undefined
    const { actor, provider } = standing
    // Sessions from before providers said more have neither.
    const { csrf, signIn = null, signOutHint: sealed = null } = data
    const signOutHint = sealed === null ? undefined : this.#options.seal.open(hintName(actor.id), sealed)
    return { id, account, actor, provider, begunAt: unixTime(data.begunAt ?? 0), signIn, signOutHint, csrf }
  }

  /** Lists all sessions of the session's owner, including this one. */
  async listOf({ account, actor }: PortalSession): Promise<ShownSession[]> {
    const { store, clock } = this.#options
    const rows = await store.sessions.listOf({ accountId: account.id, actorId: actor.id }, clock.unix())
    return rows.map(({ id, data, expiresAt }) => {
      const { browser = '', begunAt = 0 } = JSON.parse(data) as Partial<SessionData>
      return { id, browser, begunAt: unixTime(begunAt), expiresAt }
    })
  }

  /** Ends one of the owner's sessions, in any browser; returns false if there is no such session. */
  async endOf({ account, actor }: PortalSession, id: string): Promise<boolean> {
    return this.#options.store.sessions.removeOf({ accountId: account.id, actorId: actor.id }, id)
  }
}

/** Whether a form came from a page of this session. */
export const isOwnForm = (session: PortalSession, csrf: unknown): boolean =>
  typeof csrf === 'string' && equalSecrets(csrf, session.csrf)

// Rows are named by the cookie's hash, so that reading the database is not enough to take over a session.
const databaseStore = (rows: SessionRows, clock: Clock) => ({
  get: async (key: string): Promise<unknown> => {
    const row = await rows.get(hashed(key))
    return row === undefined || row.expiresAt <= clock.unix() ? undefined : (JSON.parse(row.data) as unknown)
  },
  set: async (key: string, session: object, maxAge: unknown): Promise<void> => {
    const now = clock.unix()
    await rows.removeExpired(now)
    // The session's own lifetime: the library passes ten seconds more than the cookie has.
    const { _maxAge: own } = session as { _maxAge?: unknown }
    const lifetimeMs = [own, maxAge].find((value) => typeof value === 'number') ?? DAY
    const owner = ownerOf(session)
    await rows.put(hashed(key), {
      data: JSON.stringify(session),
      expiresAt: unixTime(now + lifetimeMs),
      ...(owner === undefined ? {} : { owner }),
    })
  },
  destroy: async (key: string): Promise<void> => rows.remove(hashed(key)),
})

const ownerOf = ({ accountId, actorId }: Partial<SessionOwner>): SessionOwner | undefined =>
  accountId === undefined || actorId === undefined ? undefined : { accountId, actorId }

const hintName = (actorId: string): string => `sign_out_hint/${actorId}`

const hashed = (key: string): string => toHex(sha256(key))
