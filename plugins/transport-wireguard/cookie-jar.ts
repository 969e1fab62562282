import type { Instant } from 'portreeve'
import type { MacKeys } from './identity.ts'
import { openCookie, writeMacs } from './macs.ts'
import type { CookieReply } from './messages.ts'
import { COOKIE_MS } from './timers.ts'

/** The cookie of one receiver, if it gave us one: its next handshake message shows that we receive where we send from (§5.4.4). */
export class CookieJar {
  readonly #macKeys: MacKeys
  #lastMac1: Uint8Array | undefined
  #cookie: { bytes: Uint8Array; receivedAt: Instant } | undefined

  /** The keys that follow from the receiver's public key. */
  constructor(macKeys: MacKeys) {
    this.#macKeys = macKeys
  }

  /** Completes a handshake message. */
  sign(datagram: Uint8Array, now: Instant): void {
    const isFresh = this.#cookie !== undefined && now - this.#cookie.receivedAt < COOKIE_MS
    this.#lastMac1 = writeMacs(datagram, this.#macKeys.mac1Key, isFresh ? this.#cookie?.bytes : undefined)
  }

  /** False for what is no answer to the last message that was signed. */
  put(reply: CookieReply, now: Instant): boolean {
    const cookie = this.#lastMac1 && openCookie(reply, this.#macKeys.cookieKey, this.#lastMac1)
    if (cookie === undefined) return false
    // One reply for each message: a cookie that was replayed must not take the place of a later one.
    this.#lastMac1 = undefined
    this.#cookie = { bytes: cookie, receivedAt: now }
    return true
  }
}
