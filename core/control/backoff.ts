import { integerBelow, type Random } from '../runtime/random.ts'
import { DAY, SECOND, unixTime, type UnixTime } from '../runtime/time.ts'

const SHORTEST_MS = 500
const FACTOR = 1.5
const STEADY_MS = 1 * SECOND
const STEADY_ATTEMPTS = 15
const LONGEST_MS = 60 * SECOND
const MOST_RETRY_AFTER_MS = 1 * DAY

/**
 * How long to wait before attempt number `attempt` (from 0) after a connection was lost: 0.5 s, times 1.5, at most 60 s, of
 * which a random half is taken off, so that a portal that restarts is not met by everybody at once.
 */
export const reconnectDelay = (attempt: number, random: Random): number => {
  const full = Math.min(LONGEST_MS, SHORTEST_MS * FACTOR ** Math.min(attempt, 32))
  return Math.round(full / 2) + integerBelow(random, Math.round(full / 2) + 1)
}

/**
 * How long to wait before attempt number `attempt` while there was no connection yet: a steady beat for a machine that is being set up, or
 * whose network is about to come; then as after a loss.
 */
export const firstDelay = (attempt: number, random: Random): number =>
  attempt < STEADY_ATTEMPTS ? STEADY_MS : reconnectDelay(attempt - STEADY_ATTEMPTS, random)

/**
 * Milliseconds to wait for by a `Retry-After` header (RFC 9110 §10.2.3: seconds or a date), at most a day.
 * Undefined where there is none or it is neither.
 */
export const retryAfterMs = (header: string | undefined, now: UnixTime): number | undefined => {
  const text = header?.trim() ?? ''
  if (/^\d{1,10}$/.test(text)) return Math.min(Number(text) * SECOND, MOST_RETRY_AFTER_MS)
  if (!/^[A-Z][a-z]{2},? /.test(text)) return undefined
  const date = Date.parse(text)
  if (Number.isNaN(date)) return undefined
  return Math.min(Math.max(0, unixTime(date) - now), MOST_RETRY_AFTER_MS)
}
