import type { Context } from 'koa'
import { sha256 } from '../../../../core/crypto/hash.ts'
import { toBase64Url, toHex } from '../../../../core/crypto/text-encoding.ts'
import type { Random } from '../../../../core/runtime/random.ts'
import { MINUTE } from '../../../../core/runtime/time.ts'
import type { SealedCookies } from '../http/sealed-cookie.ts'
import type { Reply } from './call-provider.ts'
import type { SignInIntent } from './intent.ts'

/** What the browser keeps between the steps, sealed. */
export interface Pending {
  accountId: string
  providerId: string
  /** How the provider was set up when this began; see `setUpOf`. */
  setUp: string
  intent: SignInIntent
  keep: Reply['keep']
  /** Whether the browser was sent to come back at the callback that all providers share; absent for a form of ours. */
  atSharedCallback?: boolean
  /** Random name of the sign-in, the same from its first step to its last. */
  signInId: string
}

/** What `remember` is told beside that. */
export interface Keeping {
  /** For so long the browser may come back; 5 minutes by default, 15 at most. */
  keptMs?: number | undefined
  /** Where the browser is sent; absent for a form of ours. */
  redirectUrl?: string
}

const PREFIX = 'portreeve_sign_in_'
const PENDING_MS = 5 * MINUTE
const MAX_PENDING_MS = 15 * MINUTE
/** Sign-ins under way in one browser, in tabs beside each other: what browsers and servers take of cookies is little. */
const MAX_SIGN_INS_AT_ONCE = 3

/** The sign-ins under way in a browser: a cookie each, so that a second one does not take the place of the first. */
export class PendingSignIns {
  readonly #cookies: SealedCookies
  readonly #random: Random

  constructor(cookies: SealedCookies, random: Random) {
    this.#cookies = cookies
    this.#random = random
  }

  /** Draws a name for a sign-in that begins. */
  newSignInId(): string {
    return toBase64Url(this.#random.bytes(16))
  }

  /** @returns the name that a form has to come back with. */
  remember(ctx: Context, pending: Pending, { keptMs, redirectUrl }: Keeping): string {
    // Behind a redirect the browser comes back with nothing of ours but the `state` (RFC 6749 §4.1.2) that it was sent with.
    const id =
      redirectUrl === undefined
        ? pending.signInId
        : idOfState(new URL(redirectUrl).searchParams.get('state') ?? undefined)
    this.#cookies.makeRoom(ctx, { prefix: PREFIX, most: MAX_SIGN_INS_AT_ONCE, except: PREFIX + id })
    const lifetimeMs = Math.min(keptMs ?? PENDING_MS, MAX_PENDING_MS)
    this.#cookies.set(ctx, { name: PREFIX + id, value: pending, lifetimeMs })
    return id
  }

  /** What was remembered under the name that a form sends, or for the `state` in a callback's query; it is forgotten by that. */
  recall(ctx: Context, sent: { id?: string | undefined; state?: string | undefined }): Pending | undefined {
    const id = sent.id ?? idOfState(sent.state)
    if (!/^[\w-]{1,64}$/.test(id)) return undefined
    const pending = this.#cookies.get(ctx, PREFIX + id) as Pending | undefined
    if (pending !== undefined) this.#cookies.clear(ctx, PREFIX + id)
    return pending
  }
}

/** A provider that sends no state back has one sign-in at a time in a browser. */
const idOfState = (state: string | undefined): string =>
  state === undefined ? 'stateless' : toHex(sha256(state)).slice(0, 32)
