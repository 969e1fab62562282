import type { Instant } from 'portreeve'
import { macKeysOf } from './identity.ts'
import { openCookie, writeMacs } from './macs.ts'
import type { CookieReply } from './messages.ts'
import { COOKIE_MS } from './timers.ts'

/** Holds the cookie that a peer has sent, if any, and signs handshake messages to the peer with it (§5.4.4). */
export class CookieJar {
  readonly #receiver: Uint8Array
  #lastMac1: Uint8Array | undefined
  #cookie: { bytes: Uint8Array; receivedAt: Instant } | undefined

  /**
   * `receiver` is the peer's public key. Keys derived from it are computed when needed, to save memory with thousands
   * of idle peers.
   */
  constructor(receiver: Uint8Array) {
    this.#receiver = receiver
  }

  /** Writes mac1 and mac2 into a handshake message. */
  sign(datagram: Uint8Array, now: Instant): void {
    const isFresh = this.#cookie !== undefined && now - this.#cookie.receivedAt < COOKIE_MS
    const { mac1Key } = macKeysOf({ bytes: this.#receiver })
    this.#lastMac1 = writeMacs(datagram, mac1Key, isFresh ? this.#cookie?.bytes : undefined)
  }

  /** Stores the cookie of a reply. Returns false if it does not answer the last message signed. */
  put(reply: CookieReply, now: Instant): boolean {
    const { cookieKey } = macKeysOf({ bytes: this.#receiver })
    const cookie = this.#lastMac1 && openCookie(reply, cookieKey, this.#lastMac1)
    if (cookie === undefined) return false
    // Only one reply is accepted for a message: a replayed reply must not replace a later cookie.
    this.#lastMac1 = undefined
    this.#cookie = { bytes: cookie, receivedAt: now }
    return true
  }
}
