import { after, SECOND, type Instant } from 'portreeve'

/**
 * Decides whether this end is under load, when senders must prove their address before the costly part of a handshake
 * (§5.3).
 */
export interface LoadMeasure {
  /** Counts a handshake message with a valid mac1. Returns whether this end is under load. */
  arrived: (now: Instant) => boolean
}

/** Limit of handshake messages a second, about a fifth of what one core can answer. */
const MAX_MESSAGES_PER_SECOND = 256

/**
 * Measures load by the rate of handshake messages: under load while it exceeds the limit, and for a second afterwards.
 */
export class HandshakeRate implements LoadMeasure {
  readonly #most: number
  #windowEndsAt: Instant | undefined
  #count = 0
  #loadedUntil: Instant | undefined

  constructor({ maxPerSecond = MAX_MESSAGES_PER_SECOND }: { maxPerSecond?: number } = {}) {
    this.#most = maxPerSecond
  }

  arrived(now: Instant): boolean {
    if (this.#windowEndsAt === undefined || now >= this.#windowEndsAt) {
      this.#windowEndsAt = after(now, SECOND)
      this.#count = 0
    }
    this.#count += 1
    if (this.#count > this.#most) this.#loadedUntil = after(now, SECOND)
    return this.#loadedUntil !== undefined && now < this.#loadedUntil
  }
}
