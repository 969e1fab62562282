import type { Context } from 'koa'
import type { Clock } from '../../../../core/runtime/clock.ts'
import type { Random } from '../../../../core/runtime/random.ts'
import { Seal } from './seal.ts'

/** Maximum length of a value: browsers limit a cookie's size including its name and attributes. */
const MAX_VALUE_CHARACTERS = 3_800

export interface SealedCookiesOptions {
  /** Encryption key, 32 bytes. */
  key: Uint8Array
  clock: Clock
  random: Random
  /** Whether browsers reach the portal over https. */
  secure: boolean
}

/** Short-lived cookies that only the portal can read or make: the value and its expiry, sealed under the cookie's name. */
export class SealedCookies {
  readonly #options: SealedCookiesOptions
  readonly #seal: Seal

  constructor(options: SealedCookiesOptions) {
    this.#options = options
    this.#seal = new Seal(options.key, options.random)
  }

  /** Sets a cookie. @throws Error if the value is too long for a browser to keep */
  set(ctx: Context, cookie: { name: string; value: unknown; lifetimeMs: number }): void {
    const { name, value, lifetimeMs } = cookie
    const until = this.#options.clock.unix() + lifetimeMs
    const sealed = this.#seal.seal(name, JSON.stringify({ until, value }))
    if (sealed.length > MAX_VALUE_CHARACTERS) throw new Error(`the cookie ${name} is too long: ${sealed.length}`)
    this.#write(ctx, name, { text: sealed, maxAgeMs: lifetimeMs })
  }

  /** Returns the value of a cookie; undefined if it is absent, expired or forged. */
  get(ctx: Context, name: string): unknown {
    const sealed = ctx.cookies.get(name, { signed: false }) ?? ''
    const opened = sealed.length > MAX_VALUE_CHARACTERS ? undefined : this.#seal.open(name, sealed)
    if (opened === undefined) return undefined
    const { until, value } = JSON.parse(opened) as { until: number; value: unknown }
    return until > this.#options.clock.unix() ? value : undefined
  }

  clear(ctx: Context, name: string): void {
    this.#write(ctx, name, { text: '', maxAgeMs: 0 })
  }

  /** Clears the oldest cookies with this name prefix, so that together with one more there are at most `most`. */
  makeRoom(ctx: Context, { prefix, most, except }: { prefix: string; most: number; except?: string }): void {
    // Browsers send cookies oldest first (RFC 6265 §5.4).
    const names = [...ctx.get('cookie').matchAll(/(?:^|;\s*)([\w-]{1,128})=/g)]
      .map(([, name = '']) => name)
      .filter((name) => name.startsWith(prefix) && name !== except)
    for (const name of names.slice(0, Math.max(0, names.length - most + 1))) this.clear(ctx, name)
  }

  #write(ctx: Context, name: string, { text, maxAgeMs }: { text: string; maxAgeMs: number }): void {
    const { secure } = this.#options
    ctx.cookies.secure = secure
    ctx.cookies.set(name, text, {
      httpOnly: true,
      sameSite: 'lax',
      secure,
      maxAge: maxAgeMs,
      signed: false,
      overwrite: true,
    })
  }
}
