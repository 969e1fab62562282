import { SECOND, type Instant } from './time.ts'

/** How often something may happen: `perSecond` times a second on average, `burst` times at once after a silence. */
export interface Rate {
  perSecond: number
  burst: number
}

/** Token bucket: holds `burst` tokens at first, gains `perSecond` every second, and never holds more than `burst`. */
export class TokenBucket {
  readonly #rate: Rate
  #tokens: number
  #countedAt: Instant | undefined

  constructor(rate: Rate) {
    this.#rate = rate
    this.#tokens = rate.burst
  }

  /** Takes `cost` tokens. Returns false, and takes none, where there are fewer. */
  take(now: Instant, cost = 1): boolean {
    const tokens = this.#tokensAt(now)
    if (tokens < cost) return false
    this.#tokens = tokens - cost
    this.#countedAt = now
    return true
  }

  /** Seconds until there are `cost` tokens, a fraction; 0 or less where there are. */
  waitSeconds(now: Instant, cost = 1): number {
    return (cost - this.#tokensAt(now)) / this.#rate.perSecond
  }

  /** Whether nothing has been taken that has not been refilled: the bucket is as good as a new one. */
  isFull(now: Instant): boolean {
    return this.#tokensAt(now) >= this.#rate.burst
  }

  /** The product comes before the quotient, and a refusal counts nothing, so that no rounding adds up. */
  #tokensAt(now: Instant): number {
    const { perSecond, burst } = this.#rate
    return Math.min(burst, this.#tokens + ((now - (this.#countedAt ?? now)) * perSecond) / SECOND)
  }
}
