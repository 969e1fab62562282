import ipaddr from 'ipaddr.js'
import type { Instant } from '../../../core/runtime/time.ts'
import { TokenBucket, type Rate } from '../../../core/runtime/token-bucket.ts'

/** Askers remembered; beyond, the one that asked longest ago is forgotten. */
const REMEMBERED_ASKERS = 10_000

/** Limits how often each asker may ask: one token bucket per address or device. */
export class RateLimiter {
  readonly #rate: Rate
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** Counts one request of an asker. Where it is one too many, says in how many seconds the next may come. */
  take(asker: string, now: Instant): { ok: true } | { ok: false; retryAfterSeconds: number } {
    const bucket = this.#buckets.get(asker) ?? new TokenBucket(this.#rate)
    this.#buckets.delete(asker)
    this.#buckets.set(asker, bucket)
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > REMEMBERED_ASKERS && oldest !== undefined) this.#buckets.delete(oldest)
    return bucket.take(now) ? { ok: true } : { ok: false, retryAfterSeconds: Math.ceil(bucket.waitSeconds(now)) }
  }
}

/** The subscriber behind an address, as far as limits go: for IPv6 its network of 64 bits, because one subscriber has all of those addresses. */
export const sourceOf = (address: string): string => {
  if (!ipaddr.IPv6.isValid(address)) return address
  return ipaddr.IPv6.parse(address).parts.slice(0, 4).join(':')
}
