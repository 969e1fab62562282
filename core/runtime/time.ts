/** Milliseconds on a monotonic clock with an arbitrary origin. For deadlines. Never goes backwards. */
export type Instant = number & { readonly __brand: 'Instant' }

/** Milliseconds since 1970-01-01T00:00:00Z. For tokens, TAI64N, policy and everything that is stored. */
export type UnixTime = number & { readonly __brand: 'UnixTime' }

export const instant = (milliseconds: number): Instant => milliseconds as Instant
export const unixTime = (milliseconds: number): UnixTime => milliseconds as UnixTime

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

export const after = (start: Instant, milliseconds: number): Instant => (start + milliseconds) as Instant

/** The earlier of two moments, where an absent one means never. */
export const earlier = <T extends number>(a: T | undefined, b: T | undefined): T | undefined =>
  a === undefined ? b : b === undefined ? a : a < b ? a : b

/** A pair of readings of both clocks, taken at once: what converts between them. */
export interface ClockPair {
  instant: Instant
  unix: UnixTime
}

/** No deadline that comes from a peer is believed further ahead than this. */
export const FURTHEST_DEADLINE = 366 * DAY

/**
 * The monotonic moment of a wall-clock time that a peer sent, which is untrusted: what lies in the past or is not
 * a number is over at once, what lies absurdly far ahead is cut to a year.
 */
export const instantOf = (time: UnixTime, pair: ClockPair): Instant => {
  const ahead = time - pair.unix
  if (!(ahead > 0)) return pair.instant
  return after(pair.instant, Math.min(ahead, FURTHEST_DEADLINE))
}

/** The wall-clock time of a monotonic moment. */
export const unixOf = (moment: Instant, pair: ClockPair): UnixTime => unixTime(pair.unix + (moment - pair.instant))
