import ipaddr from 'ipaddr.js'
import type { Instant } from '../runtime/time.ts'
import { TokenBucket, type Rate } from '../runtime/token-bucket.ts'

/** Maximum of askers remembered; the one whose last request is oldest is forgotten first. */
const REMEMBERED_ASKERS = 10_000

/** Limits the request rate of each asker, such as an IP address or device, with a token bucket each. */
export class RateLimiter {
  readonly #rate: Rate
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** Counts one request of an asker; if it is one too many, returns the seconds until the next is allowed. */
  take(asker: string, now: Instant): { ok: true } | { ok: false; retryAfterSeconds: number } {
    const bucket = this.#buckets.get(asker) ?? new TokenBucket(this.#rate)
    this.#buckets.delete(asker)
    this.#buckets.set(asker, bucket)
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > REMEMBERED_ASKERS && oldest !== undefined) this.#buckets.delete(oldest)
    return bucket.take(now) ? { ok: true } : { ok: false, retryAfterSeconds: Math.ceil(bucket.waitSeconds(now)) }
  }
}

/**
 * Returns the key by which an IP address is rate-limited: for IPv6 its /64 network, because one subscriber has all
 * addresses in it.
 */
export const sourceOf = (address: string): string => {
  if (!ipaddr.IPv6.isValid(address)) return address
  return ipaddr.IPv6.parse(address).parts.slice(0, 4).join(':')
}
