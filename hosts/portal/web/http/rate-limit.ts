import ipaddr from 'ipaddr.js'
import type { Middleware } from 'koa'
import type { Clock } from '../../../../core/runtime/clock.ts'
import { SECOND, type Instant } from '../../../../core/runtime/time.ts'
import { Problem } from './problem.ts'

export interface RateLimit {
  perSecond: number
  /** How many may come at once after a silence. */
  burst: number
}

/** So many addresses are remembered; beyond, the one seen longest ago is forgotten. */
const REMEMBERED_ADDRESSES = 10_000

/** A bucket per address that fills steadily and that each request takes one out of. */
export class RateLimiter {
  readonly #limit: RateLimit
  readonly #buckets = new Map<string, { level: number; at: Instant }>()

  constructor(limit: RateLimit) {
    this.#limit = limit
  }

  /** Takes one; where there is none, for how many seconds to wait. */
  take(address: string, now: Instant): { ok: true } | { ok: false; retryAfterSeconds: number } {
    const { perSecond, burst } = this.#limit
    const before = this.#buckets.get(address) ?? { level: burst, at: now }
    const level = Math.min(burst, before.level + ((now - before.at) / SECOND) * perSecond)
    const ok = level >= 1
    this.#buckets.delete(address)
    this.#buckets.set(address, { level: ok ? level - 1 : level, at: now })
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > REMEMBERED_ADDRESSES && oldest !== undefined) this.#buckets.delete(oldest)
    return ok ? { ok } : { ok, retryAfterSeconds: Math.ceil((1 - level) / perSecond) }
  }
}

/** Refuses an address that asks too often. */
export const limitRate = (limit: RateLimit, clock: Clock): Middleware => {
  const limiter = new RateLimiter(limit)
  return async (ctx, next) => {
    const verdict = limiter.take(sourceOf(String(ctx.state['clientAddress'])), clock.now())
    if (!verdict.ok) {
      throw new Problem(429, 'rate_limit', 'Too many requests: wait a little.', {
        headers: { 'Retry-After': String(verdict.retryAfterSeconds) },
      })
    }
    await next()
  }
}

/** Whose an address is, as far as limits go: of IPv6 the network of 64 bits, because one subscriber has all of its addresses. */
export const sourceOf = (address: string): string => {
  if (!ipaddr.IPv6.isValid(address)) return address
  return ipaddr.IPv6.parse(address).parts.slice(0, 4).join(':')
}
