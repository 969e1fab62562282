import { after, keyedBlake2s128, equalSecrets, xchachaSeal, type Instant, type Path, type Random } from 'portreeve'
import { encodeCookieReply, MAC_BYTES } from './messages.ts'
import { COOKIE_MS } from './timers.ts'

const SECRET_BYTES = 32
const NONCE_BYTES = 24

/**
 * Cookies for those who send handshakes while this end is under load (§5.4.7): a MAC over where a message came from, by a secret that changes
 * every two minutes. Nothing is kept per sender. Whoever shows it back in mac2 receives where it sends from.
 */
export class CookieBaker {
  readonly #random: Random
  /** Of who runs this end: the reply can be opened by who knows its public key. */
  readonly #cookieKey: Uint8Array
  #secret: { bytes: Uint8Array; endsAt: Instant } | undefined

  constructor({ random, cookieKey }: { random: Random; cookieKey: Uint8Array }) {
    this.#random = random
    this.#cookieKey = cookieKey
  }

  /** Whether a message's mac2 was made with the cookie of the path that it came by. */
  hasMac2(datagram: Uint8Array, path: Path, now: Instant): boolean {
    const end = datagram.length - MAC_BYTES
    return equalSecrets(keyedBlake2s128(this.#cookieOf(path, now), datagram.subarray(0, end)), datagram.subarray(end))
  }

  /** The answer to a message that has no right mac2: smaller than the message. `receiver` is the sender's index. */
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
