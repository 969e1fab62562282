import { after, SECOND, type Instant } from 'portreeve'

/** Says when handshakes are too many for each to be worth two multiplications (§5.3). */
export interface LoadMeasure {
  /** A handshake message with a right mac1 came; whether this end is under load. */
  arrived: (now: Instant) => boolean
}

/** About a fifth of what one core answers in a second. */
const MAX_MESSAGES_PER_SECOND = 256

/** Under load is, who got more handshake messages than that within a second, and for a second after the last such one. */
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
