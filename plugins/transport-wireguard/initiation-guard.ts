import type { Instant } from 'portreeve'
import { isLater, TAI64N_BYTES } from 'portreeve/crypto'
import { INITIATION_INTERVAL_MS } from './timers.ts'

export type InitiationVerdict = 'accepted' | 'replayed-initiation' | 'initiation-flood'

/**
 * Decides which initiations of a peer are answered: with a later timestamp than all before, and not within
 * `INITIATION_INTERVAL_MS`.
 */
export class InitiationGuard {
  /** Latest timestamp seen; initiations with an earlier or equal one are replays (§5.1). */
  #greatestTimestamp: Uint8Array = new Uint8Array(TAI64N_BYTES)
  #acceptedAt: Instant | undefined

  judge(timestamp: Uint8Array, now: Instant): InitiationVerdict {
    if (!isLater(timestamp, this.#greatestTimestamp)) return 'replayed-initiation'
    this.#greatestTimestamp = timestamp
    if (this.#acceptedAt !== undefined && now - this.#acceptedAt < INITIATION_INTERVAL_MS) return 'initiation-flood'
    this.#acceptedAt = now
    return 'accepted'
  }
}
