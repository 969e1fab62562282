import type Koa from 'koa'
import type { Context, Middleware } from 'koa'
import koaSession from 'koa-session'
import { equalSecrets } from '../../../../core/crypto/equal-secrets.ts'
import { sha256 } from '../../../../core/crypto/hash.ts'
import { toBase64Url, toHex } from '../../../../core/crypto/text-encoding.ts'
import type { Clock } from '../../../../core/runtime/clock.ts'
import type { Random } from '../../../../core/runtime/random.ts'
import { DAY, SECOND, unixTime } from '../../../../core/runtime/time.ts'
import type { Account, Actor, IdentityProviderRow } from '../../entities.ts'
import type { SessionRows, Store } from '../../store/store.ts'

/** Who is signed in to the portal itself. */
export interface AdminSession {
  account: Account
  actor: Actor
  /** What forms of this session carry. */
  csrf: string
}

interface SessionData {
  accountId: string
  actorId: string
  identityProviderId: string
  csrf: string
}

export interface SessionsOptions {
  store: Store
  clock: Clock
  random: Random
  secure: boolean
}

/** Portal sessions: an opaque cookie, everything else in the database, all of it checked anew at each use. */
export class Sessions {
  readonly #options: SessionsOptions

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  middleware(app: Koa): Middleware {
    const { store, clock, random, secure } = this.#options
    const inner = koaSession(
      {
        key: 'portreeve_session',
        maxAge: DAY,
        httpOnly: true,
        sameSite: 'lax',
        secure,
        // The cookie is a random name of a row: a signature would add nothing.
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

  async begin(ctx: Context, { actor, provider }: { actor: Actor; provider: IdentityProviderRow }): Promise<void> {
    const data: SessionData = {
      accountId: actor.accountId,
      actorId: actor.id,
      identityProviderId: provider.id,
      csrf: toBase64Url(this.#options.random.bytes(16)),
    }
    ctx.session = { ...data }
    if (ctx.session === null) return
    ctx.session.maxAge = provider.sessionLifetimeSeconds * SECOND
    // A new name at each sign-in: one that was planted before is worth nothing (session fixation).
    await ctx.session.regenerate()
  }

  end(ctx: Context): void {
    ctx.session = null
  }

  /** The session, while account, provider and actor are what they were. */
  async current(ctx: Context, accountSlug: string): Promise<AdminSession | undefined> {
    const data = ctx.session as Partial<SessionData> | null
    if (data?.accountId === undefined || data.actorId === undefined || data.csrf === undefined) return undefined
    const reader = this.#options.store.reader(data.accountId)
    const account = await reader.get('accounts', data.accountId)
    const actor = await reader.get('actors', data.actorId)
    const provider = await reader.get('identity_providers', data.identityProviderId ?? '')
    if (account === undefined || account.isDisabled || account.slug !== accountSlug) return undefined
    if (actor === undefined || actor.isDisabled || actor.type !== 'admin') return undefined
    if (provider === undefined || provider.isDisabled) return undefined
    return { account, actor, csrf: data.csrf }
  }
}

/** Whether a form came from a page of this session. */
export const isOwnForm = (session: AdminSession, csrf: unknown): boolean =>
  typeof csrf === 'string' && equalSecrets(csrf, session.csrf)

// Rows are named by the hash of the cookie, so that who reads the database cannot take over a session.
const databaseStore = (rows: SessionRows, clock: Clock) => ({
  get: async (key: string): Promise<unknown> => {
    const row = await rows.get(hashed(key))
    return row === undefined || row.expiresAt <= clock.unix() ? undefined : (JSON.parse(row.data) as unknown)
  },
  set: async (key: string, session: object, maxAge: unknown): Promise<void> => {
    const now = clock.unix()
    await rows.removeExpired(now)
    const lifetimeMs = typeof maxAge === 'number' ? maxAge : DAY
    await rows.put(hashed(key), { data: JSON.stringify(session), expiresAt: unixTime(now + lifetimeMs) })
  },
  destroy: async (key: string): Promise<void> => rows.remove(hashed(key)),
})

const hashed = (key: string): string => toHex(sha256(key))
