import type { Instant } from '../../runtime/time.ts'

/** A token bucket: `perSecond` on average, `burst` at once. */
export class RateBound {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #filledAt: Instant | undefined

  constructor({ perSecond, burst }: { perSecond: number; burst: number }) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
  }

  /** Whether one more may pass at this moment. */
  take(now: Instant): boolean {
    const elapsed = now - (this.#filledAt ?? now)
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsed / 1_000) * this.#perSecond)
    this.#filledAt = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
