import type { Instant } from 'portreeve'
import { macKeysOf } from './identity.ts'
import { openCookie, writeMacs } from './macs.ts'
import type { CookieReply } from './messages.ts'
import { COOKIE_MS } from './timers.ts'

/** The cookie of one receiver, if it gave us one: its next handshake message shows that we receive where we send from (§5.4.4). */
export class CookieJar {
  readonly #receiver: Uint8Array
  #lastMac1: Uint8Array | undefined
  #cookie: { bytes: Uint8Array; receivedAt: Instant } | undefined

  /** The receiver's public key. What follows from it is computed when it is wanted, and not kept for thousands of idle peers. */
  constructor(receiver: Uint8Array) {
    this.#receiver = receiver
  }

  /** Completes a handshake message. */
  sign(datagram: Uint8Array, now: Instant): void {
    const isFresh = this.#cookie !== undefined && now - this.#cookie.receivedAt < COOKIE_MS
    const { mac1Key } = macKeysOf({ bytes: this.#receiver })
    this.#lastMac1 = writeMacs(datagram, mac1Key, isFresh ? this.#cookie?.bytes : undefined)
  }

  /** False for what is no answer to the last message that was signed. */
  put(reply: CookieReply, now: Instant): boolean {
    const { cookieKey } = macKeysOf({ bytes: this.#receiver })
    const cookie = this.#lastMac1 && openCookie(reply, cookieKey, this.#lastMac1)
    if (cookie === undefined) return false
    // One reply for each message: a cookie that was replayed must not take the place of a later one.
    this.#lastMac1 = undefined
    this.#cookie = { bytes: cookie, receivedAt: now }
    return true
  }
}
