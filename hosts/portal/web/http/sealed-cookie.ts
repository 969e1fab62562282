import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { Context } from 'koa'
import { fromBase64Url, toBase64Url, utf8 } from '../../../../core/crypto/text-encoding.ts'
import type { Clock } from '../../../../core/runtime/clock.ts'
import type { Random } from '../../../../core/runtime/random.ts'

const NONCE_BYTES = 12
const TAG_BYTES = 16
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

/** Short-lived cookies that only the portal can read or make: AES-256-GCM over the value and its expiry. */
export class SealedCookies {
  readonly #options: SealedCookiesOptions

  constructor(options: SealedCookiesOptions) {
    this.#options = options
  }

  /** Sets a cookie. @throws Error if the value is too long for a browser to keep */
  set(ctx: Context, cookie: { name: string; value: unknown; lifetimeMs: number }): void {
    const { name, value, lifetimeMs } = cookie
    const until = this.#options.clock.unix() + lifetimeMs
    const sealed = this.#seal(name, JSON.stringify({ until, value }))
    if (sealed.length > MAX_VALUE_CHARACTERS) throw new Error(`the cookie ${name} is too long: ${sealed.length}`)
    this.#write(ctx, name, { text: sealed, maxAgeMs: lifetimeMs })
  }

  /** Returns the value of a cookie; undefined if it is absent, expired or forged. */
  get(ctx: Context, name: string): unknown {
    const opened = this.#open(name, ctx.cookies.get(name, { signed: false }) ?? '')
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

  #seal(name: string, text: string): string {
    const nonce = this.#options.random.bytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#options.key, nonce)
    // Bound to its name, so that one cookie's value is worthless under another name.
    cipher.setAAD(utf8(name))
    return toBase64Url(
      new Uint8Array([...nonce, ...cipher.update(utf8(text)), ...cipher.final(), ...cipher.getAuthTag()]),
    )
  }

  #open(name: string, sealed: string): string | undefined {
    const bytes = sealed.length > MAX_VALUE_CHARACTERS ? undefined : fromBase64Url(sealed)
    if (bytes === undefined || bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
    const decipher = createDecipheriv('aes-256-gcm', this.#options.key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
    decipher.setAAD(utf8(name))
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    const opened = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
    try {
      return new TextDecoder().decode(new Uint8Array([...opened, ...decipher.final()]))
    } catch {
      return undefined // wrong authentication tag: not sealed by this portal
    }
  }
}
