import { after, type Instant, type Path, type Random } from 'portreeve'
import { keyedBlake2s128, equalSecrets, xchachaSeal } from 'portreeve/crypto'
import { encodeCookieReply, MAC_BYTES } from './messages.ts'
import { COOKIE_MS } from './timers.ts'

const SECRET_BYTES = 32
const NONCE_BYTES = 24

/**
 * Makes cookies for senders of handshake messages while this end is under load (§5.4.7). A cookie is a MAC over the
 * source address, keyed by a secret that changes every two minutes, so nothing is stored per sender. A sender that uses
 * its cookie in mac2 proves that it receives at its source address.
 */
export class CookieBaker {
  readonly #random: Random
  /** Key that encrypts cookie replies, derived from this end's public key: all who know that key can decrypt them. */
  readonly #cookieKey: Uint8Array
  #secret: { bytes: Uint8Array; endsAt: Instant } | undefined

  constructor({ random, cookieKey }: { random: Random; cookieKey: Uint8Array }) {
    this.#random = random
    this.#cookieKey = cookieKey
  }

  /** Whether a message's mac2 was made with the present cookie of its path. */
  hasMac2(datagram: Uint8Array, path: Path, now: Instant): boolean {
    const end = datagram.length - MAC_BYTES
    return equalSecrets(keyedBlake2s128(this.#cookieOf(path, now), datagram.subarray(0, end)), datagram.subarray(end))
  }

  /**
   * Returns the cookie reply to a message without a valid mac2. `receiver` is the sender's index. The reply is shorter
   * than the message.
   */
  reply(datagram: Uint8Array, receiver: number, path: Path, now: Instant): Uint8Array {
    const nonce = this.#random.bytes(NONCE_BYTES)
    const mac1At = datagram.length - 2 * MAC_BYTES
    const associated = datagram.subarray(mac1At, mac1At + MAC_BYTES)
    const sealedCookie = xchachaSeal({ key: this.#cookieKey, nonce, associated }, this.#cookieOf(path, now))
    return encodeCookieReply({ receiver, nonce, sealedCookie })
  }

  #cookieOf(path: Path, now: Instant): Uint8Array {
    if (this.#secret === undefined || now >= this.#secret.endsAt) {
      this.#secret = { bytes: this.#random.bytes(SECRET_BYTES), endsAt: after(now, COOKIE_MS) }
    }
    return keyedBlake2s128(this.#secret.bytes, new TextEncoder().encode(path))
  }
}
