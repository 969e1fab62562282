import { answerBinding } from '../../../core/stun/stun-binding.ts'
import { canonicalAddress } from '../../../core/net/ip-address.ts'
import { Counters } from '../../../core/runtime/counters.ts'
import { endpoint } from '../../../core/runtime/endpoint.ts'
import type { Instant } from '../../../core/runtime/time.ts'
import { TokenBucket } from '../../../core/runtime/token-bucket.ts'
import { RateLimiter, sourceOf } from '../../../core/net/rate-limiter.ts'

/** Limit of requests from one source; a thousand peers behind one address ask less than 50 times a second. */
const SOURCE_RATE = { perSecond: 100, burst: 1_000 }
/** Limit of requests from all sources, so that a flood does not slow down the rest of the portal. */
const TOTAL_RATE = { perSecond: 5_000, burst: 10_000 }

/** Answers to STUN Binding requests, limited by source and in total, with counts by outcome. */
export class LimitedAnswers {
  readonly #sources = new RateLimiter(SOURCE_RATE)
  readonly #total = new TokenBucket(TOTAL_RATE)
  readonly #counters = new Counters()

  /** Returns the answer to a datagram from an address and port; undefined if there is none. */
  answer(datagram: Uint8Array, from: { address: string; port: number }, now: Instant): Uint8Array | undefined {
    // The zone of a link-local source is of this machine, and so not for the answer.
    const address = canonicalAddress(from.address.replace(/%.*$/, ''))
    if (address === undefined || from.port === 0) return this.#refuse('no-source')
    if (!this.#total.take(now)) return this.#refuse('too-many-requests')
    if (!this.#sources.take(sourceOf(address), now).ok) return this.#refuse('too-many-of-one-source')
    const verdict = answerBinding(datagram, endpoint(address, from.port))
    if (verdict.type === 'refused') return this.#refuse(verdict.reason)
    this.#counters.count('answered')
    return verdict.bytes
  }

  /** Returns the number of datagrams by outcome: `answered`, or the reason why not. */
  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  #refuse(reason: string): undefined {
    this.#counters.count(reason)
    return undefined
  }
}
