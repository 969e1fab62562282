import { SECOND, type Instant } from './time.ts'

/** Rate limit: `perSecond` events a second on average, `burst` events at once after a pause. */
export interface Rate {
  perSecond: number
  burst: number
}

/** Token bucket: starts with `burst` tokens, gains `perSecond` tokens a second, and never holds more than `burst`. */
export class TokenBucket {
  readonly #rate: Rate
  #tokens: number
  #countedAt: Instant | undefined

  constructor(rate: Rate) {
    this.#rate = rate
    this.#tokens = rate.burst
  }

  /** Takes `cost` tokens; takes none and returns false if there are fewer. */
  take(now: Instant, cost = 1): boolean {
    const tokens = this.#tokensAt(now)
    if (tokens < cost) return false
    this.#tokens = tokens - cost
    this.#countedAt = now
    return true
  }

  /** Returns the seconds, maybe a fraction, until there are `cost` tokens; 0 or less if there are. */
  waitSeconds(now: Instant, cost = 1): number {
    return (cost - this.#tokensAt(now)) / this.#rate.perSecond
  }

  /** Whether the bucket is full, like a new one. */
  isFull(now: Instant): boolean {
    return this.#tokensAt(now) >= this.#rate.burst
  }

  /**
   * Computes the tokens at a time. Multiplies before dividing, and a refused `take` stores nothing, so that rounding
   * errors do not add up.
   */
  #tokensAt(now: Instant): number {
    const { perSecond, burst } = this.#rate
    return Math.min(burst, this.#tokens + ((now - (this.#countedAt ?? now)) * perSecond) / SECOND)
  }
}
