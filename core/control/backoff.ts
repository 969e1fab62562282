import { integerBelow, type Random } from '../runtime/random.ts'
import { DAY, SECOND, unixTime, type UnixTime } from '../runtime/time.ts'

const MIN_DELAY_MS = 500
const FACTOR = 1.5
const STEADY_MS = 1 * SECOND
const STEADY_ATTEMPTS = 15
const MAX_DELAY_MS = 60 * SECOND
const MAX_RETRY_AFTER_MS = 1 * DAY

/**
 * Returns the delay in milliseconds before reconnection attempt number `attempt` (from 0) after a connection was lost:
 * 0.5 s, growing by half each time to 60 s, less a random share of at most half, so that peers do not all reconnect at
 * once to a portal that restarts.
 */
export const reconnectDelayMs = (attempt: number, random: Random): number => {
  const full = Math.min(MAX_DELAY_MS, MIN_DELAY_MS * FACTOR ** Math.min(attempt, 32))
  return Math.round(full / 2) + integerBelow(random, Math.round(full / 2) + 1)
}

/**
 * Returns the delay in milliseconds before connection attempt number `attempt` (from 0) of a peer that was never
 * connected: 1 s for 15 attempts, as its network may just be coming up, then as `reconnectDelayMs`.
 */
export const firstDelayMs = (attempt: number, random: Random): number =>
  attempt < STEADY_ATTEMPTS ? STEADY_MS : reconnectDelayMs(attempt - STEADY_ATTEMPTS, random)

/**
 * Reads the milliseconds to wait, at most a day, from a `Retry-After` header (RFC 9110 §10.2.3: seconds or a date).
 * Undefined if the header is absent or malformed.
 */
export const retryAfterMs = (header: string | undefined, now: UnixTime): number | undefined => {
  const text = header?.trim() ?? ''
  if (/^\d{1,10}$/.test(text)) return Math.min(Number(text) * SECOND, MAX_RETRY_AFTER_MS)
  if (!/^[A-Z][a-z]{2},? /.test(text)) return undefined
  const date = Date.parse(text)
  if (Number.isNaN(date)) return undefined
  return Math.min(Math.max(0, unixTime(date) - now), MAX_RETRY_AFTER_MS)
}
