import { equalSecrets } from '../crypto/equal-secrets.ts'
import { hmacSha256 } from '../crypto/hash.ts'
import { toUnpaddedBase64 } from '../crypto/text-encoding.ts'
import { HOUR, SECOND, type Instant } from '../runtime/time.ts'

const LIFETIME_MS = 1 * HOUR
/** Characters of the code; more would make answers to strangers longer than need be. */
const CODE_CHARACTERS = 16

/**
 * Nonces of a relay (RFC 8489 §9.2), which nobody has to remember: each is its end and a code over that and the source
 * that it was given to. Who shows one receives at that source, so requests cannot be forged from elsewhere.
 */
export class Nonces {
  readonly #secret: Uint8Array

  /** @param secret random bytes of this process */
  constructor(secret: Uint8Array) {
    this.#secret = secret
  }

  make(source: string, now: Instant): string {
    return this.#nonce(source, Math.ceil((now + LIFETIME_MS) / SECOND).toString(36))
  }

  /** Whether a nonce was made for this source and has not ended. */
  isFresh(nonce: string, source: string, now: Instant): boolean {
    const end = /^([0-9a-z]{1,10})-/.exec(nonce)?.[1]
    if (end === undefined || !equalSecrets(nonce, this.#nonce(source, end))) return false
    return Number.parseInt(end, 36) * SECOND > now
  }

  #nonce(source: string, end: string): string {
    const code = toUnpaddedBase64(hmacSha256(this.#secret, `${end} ${source}`))
    return `${end}-${code.slice(0, CODE_CHARACTERS)}`
  }
}
