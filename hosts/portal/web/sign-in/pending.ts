import type { Context } from 'koa'
import { sha256 } from '../../../../core/crypto/hash.ts'
import { toBase64Url, toHex } from '../../../../core/crypto/text-encoding.ts'
import type { Random } from '../../../../core/runtime/random.ts'
import { MINUTE } from '../../../../core/runtime/time.ts'
import type { SealedCookies } from '../http/sealed-cookie.ts'
import type { Reply } from './call-provider.ts'
import type { SignInIntent } from './intent.ts'

/** State of a pending sign-in, kept in a sealed cookie between its steps. */
export interface Pending extends PendingPlace {
  /** Fingerprint of the provider's settings when the sign-in began, see `settingsFingerprint`. */
  setUp: string
  intent: SignInIntent
  keep: Reply['keep']
  /** Random id of the sign-in, the same from its first step to its last. */
  signInId: string
}

/** State of a test of a provider while the browser is there. It never signs anybody in; all else is kept in a record. */
export interface PendingTest extends PendingPlace {
  testId: string
  /** Session of the admin who makes the test. */
  sessionId: string
}

/** Account and provider of what is pending, and the callback at which the browser is expected. */
interface PendingPlace {
  accountId: string
  providerId: string
  /** Whether the browser will return at the callback shared by all providers; absent for a form of the portal. */
  atSharedCallback?: boolean
}

/** Further options of `remember`. */
export interface Keeping {
  /** Milliseconds for which the browser may return; 5 minutes by default, at most 15. */
  keptMs?: number | undefined
  /** URL of the provider to which the browser is redirected; absent for a form of the portal. */
  redirectUrl?: string
}

const PREFIX = 'portreeve_sign_in_'
const PENDING_MS = 5 * MINUTE
const MAX_PENDING_MS = 15 * MINUTE
/** Maximum of pending sign-ins in one browser, in parallel tabs; low because browsers and servers limit cookies. */
const MAX_SIGN_INS_AT_ONCE = 3

/** Pending sign-ins of a browser, in one cookie each, so that a second sign-in does not replace the first. */
export class PendingSignIns {
  readonly #cookies: SealedCookies
  readonly #random: Random

  constructor(cookies: SealedCookies, random: Random) {
    this.#cookies = cookies
    this.#random = random
  }

  /** Generates the id of a new sign-in. */
  newSignInId(): string {
    return toBase64Url(this.#random.bytes(16))
  }

  /** Stores a pending sign-in in a cookie. Returns the id that its form must send back. */
  remember(ctx: Context, pending: Pending | PendingTest, { keptMs, redirectUrl }: Keeping): string {
    // After a redirect the browser returns only the `state` (RFC 6749 §4.1.2) of the provider's URL.
    const id =
      redirectUrl === undefined
        ? 'testId' in pending
          ? pending.testId
          : pending.signInId
        : idOfState(new URL(redirectUrl).searchParams.get('state') ?? undefined)
    this.#cookies.makeRoom(ctx, { prefix: PREFIX, most: MAX_SIGN_INS_AT_ONCE, except: PREFIX + id })
    const lifetimeMs = Math.min(keptMs ?? PENDING_MS, MAX_PENDING_MS)
    this.#cookies.set(ctx, { name: PREFIX + id, value: pending, lifetimeMs })
    return id
  }

  /** Returns and forgets the pending sign-in with the id from a form, or the `state` from a callback's query. */
  recall(
    ctx: Context,
    sent: { id?: string | undefined; state?: string | undefined },
  ): Pending | PendingTest | undefined {
    const id = sent.id ?? idOfState(sent.state)
    if (!/^[\w-]{1,64}$/.test(id)) return undefined
    const pending = this.#cookies.get(ctx, PREFIX + id) as Pending | PendingTest | undefined
    if (pending !== undefined) this.#cookies.clear(ctx, PREFIX + id)
    return pending
  }
}

/**
 * Derives the id from the `state`. All sign-ins with providers that do not return a state share one id, so a browser
 * has one of them at a time.
 */
const idOfState = (state: string | undefined): string =>
  state === undefined ? 'stateless' : toHex(sha256(state)).slice(0, 32)
