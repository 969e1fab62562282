import type { Middleware } from 'koa'
import type { Clock } from '../../../../core/runtime/clock.ts'
import type { Rate } from '../../../../core/runtime/token-bucket.ts'
import { RateLimiter, sourceOf } from '../../../../core/net/rate-limiter.ts'
import { Problem } from './problem.ts'

/** Makes a middleware that limits the request rate per IP address (429). */
export const limitRate = (rate: Rate, clock: Clock): Middleware => {
  const limiter = new RateLimiter(rate)
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
