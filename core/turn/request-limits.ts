import { RateLimiter, sourceOf } from '../net/rate-limiter.ts'
import { splitEndpoint } from '../runtime/endpoint.ts'
import type { Instant } from '../runtime/time.ts'
import { TokenBucket } from '../runtime/token-bucket.ts'
import type { ClientWay } from './allocation.ts'

/** Limit of requests from one source; a thousand peers behind one address ask less than 100 times a second. */
const SOURCE_RATE = { perSecond: 200, burst: 2_000 }
/** Limit of requests from all sources, so that a flood does not keep the relay from forwarding. */
const TOTAL_RATE = { perSecond: 5_000, burst: 20_000 }
/**
 * Limit of requests from a client that has an allocation: after a relay's restart a gateway binds thousands of channels at
 * once. Such a client has shown a nonce, so nobody else uses its limit up.
 */
const CLIENT_RATE = { perSecond: 2_000, burst: 20_000 }
/** Limits of errors to those who have proven nothing: such an answer may be longer than its request. */
const STRANGER_RATE = { perSecond: 5, burst: 50 }
const STRANGERS_RATE = { perSecond: 500, burst: 2_000 }

/** Limits of requests to a relay, by source and in total. */
export class RequestLimits {
  readonly #sources = new RateLimiter(SOURCE_RATE)
  readonly #total = new TokenBucket(TOTAL_RATE)
  readonly #clients = new RateLimiter(CLIENT_RATE)
  readonly #strangers = new RateLimiter(STRANGER_RATE)
  readonly #allStrangers = new TokenBucket(STRANGERS_RATE)

  /** Counts a request of a client that has an allocation; returns why it is one too many. */
  client({ listener, source }: ClientWay, now: Instant): 'too-many-of-one-source' | undefined {
    return this.#clients.take(`${listener} ${source}`, now).ok ? undefined : 'too-many-of-one-source'
  }

  /** Counts a request of anybody else; returns why it is one too many. */
  request(from: ClientWay, now: Instant): 'too-many-requests' | 'too-many-of-one-source' | undefined {
    if (!this.#sources.take(keyOf(from), now).ok) return 'too-many-of-one-source'
    return this.#total.take(now) ? undefined : 'too-many-requests'
  }

  /** Counts an error to a source that has proven nothing; false where it is one too many. */
  stranger(from: ClientWay, now: Instant): boolean {
    return this.#strangers.take(keyOf(from), now).ok && this.#allStrangers.take(now)
  }
}

/** Key by which a way is limited: its address, or for IPv6 its network; a stream's own name. */
const keyOf = ({ source }: ClientWay): string => {
  const address = splitEndpoint(source)?.address
  return address === undefined ? source : sourceOf(address.replace(/%.*$/, ''))
}
