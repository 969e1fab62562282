/** Time in milliseconds of a monotonic clock with an arbitrary origin, which never goes backwards. For deadlines. */
export type Instant = number & { readonly __brand: 'Instant' }

/** Time in milliseconds since 1970-01-01T00:00:00Z. For tokens, TAI64N, policies and everything that is stored. */
export type UnixTime = number & { readonly __brand: 'UnixTime' }

export const instant = (milliseconds: number): Instant => milliseconds as Instant
export const unixTime = (milliseconds: number): UnixTime => milliseconds as UnixTime

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** Returns the time `milliseconds` after `start`. */
export const after = (start: Instant, milliseconds: number): Instant => (start + milliseconds) as Instant

/** Returns the earlier of two times; undefined stands for never. */
export const earlier = <T extends number>(a: T | undefined, b: T | undefined): T | undefined =>
  a === undefined ? b : b === undefined ? a : a < b ? a : b

/** Simultaneous readings of both clocks, by which times are converted between them. */
export interface ClockPair {
  instant: Instant
  unix: UnixTime
}

/** Longest time ahead, in milliseconds, that a deadline from a peer may be; later ones are cut to it. */
export const MAX_DEADLINE_AHEAD_MS = 366 * DAY

/**
 * Converts an untrusted wall-clock time from a peer to monotonic time. A time in the past, or NaN, becomes the present;
 * a time more than a year ahead is cut to a year.
 */
export const instantOf = (time: UnixTime, pair: ClockPair): Instant => {
  const ahead = time - pair.unix
  if (!(ahead > 0)) return pair.instant
  return after(pair.instant, Math.min(ahead, MAX_DEADLINE_AHEAD_MS))
}

/** Converts monotonic time to wall-clock time. */
export const unixOf = (moment: Instant, pair: ClockPair): UnixTime => unixTime(pair.unix + (moment - pair.instant))
