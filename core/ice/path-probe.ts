import type { Deadline } from '../runtime/machine.ts'
import { after, MINUTE, SECOND, type Instant } from '../runtime/time.ts'

/**
 * RFC 8899 §5.1: MAX_PROBES, PROBE_TIMER, CONFIRMATION_TIMER and PMTU_RAISE_TIMER. More tries than its 3, and for them less time, as who loses a fifth of
 * all datagrams (H8) loses a third of all answers: a size that was shown to pass is not to be given up for that once in an hour.
 */
const MAX_TRIES = { searching: 5, confirming: 10 }
const TRY_MS = SECOND / 2
const CONFIRM_MS = 5 * SECOND
const RAISE_MS = 10 * MINUTE

/**
 * How large a datagram the path in use carries, found out by sending datagrams of a few sizes (RFC 8899, which is for paths where no router's
 * word can be had). All sizes are tried at once, so that one round trip tells. What was shown is asked again for as long as there is traffic; where that is not
 * answered any more, the path has changed, and all begins anew.
 */
export class PathProbe {
  /** The largest first. */
  readonly #sizes: readonly number[]
  #phase: 'none' | 'searching' | 'resting' | 'confirming' = 'none'
  #proven: number | undefined
  #tries = 0
  /** When to do the next thing; absent while that waits for traffic, or for a path. */
  #at: Instant | undefined
  #restedAt: Instant | undefined
  #searchedAt: Instant | undefined
  #trafficAt: Instant | undefined

  /** `sizes` of datagrams in bytes, the largest first; none: nothing is ever asked. */
  constructor(sizes: readonly number[]) {
    this.#sizes = sizes
  }

  /** The largest size that the path was shown to carry; undefined for none of them. */
  get proven(): number | undefined {
    return this.#proven
  }

  /** Another path is in use, of which nothing is known. */
  begin(now: Instant): void {
    this.end()
    if (this.#sizes.length > 0) this.#search(now)
  }

  /** No path is in use. */
  end(): void {
    this.#phase = 'none'
    this.#proven = this.#at = undefined
  }

  trafficSeen(now: Instant): void {
    this.#trafficAt = now
    if (this.#phase !== 'resting' || this.#at !== undefined) return
    const due = this.#endOfRest(now)
    this.#at = due > now ? due : now
  }

  /** The other end has got a datagram of this size. */
  answered(size: number, now: Instant): void {
    if (this.#phase === 'none') return
    if (size > (this.#proven ?? 0)) this.#proven = size
    const isDone = this.#phase === 'searching' ? size === this.#sizes[0] : size === this.#proven
    if (isDone && this.#phase !== 'resting') this.#rest(now)
  }

  /** The sizes that are to be sent now. */
  wake(now: Instant): number[] {
    if (this.#at === undefined || this.#at > now) return []
    if (this.#phase === 'resting') {
      // Without traffic nobody needs to know.
      if (this.#trafficAt === undefined || this.#trafficAt < (this.#restedAt ?? now)) {
        this.#at = undefined
        return []
      }
      if (this.#isToBeRaised(now)) this.#search(now)
      else this.#begin('confirming', now)
    }
    if (this.#phase === 'searching' && this.#tries === MAX_TRIES.searching) {
      this.#rest(now)
      return []
    }
    if (this.#phase === 'confirming' && this.#tries === MAX_TRIES.confirming) {
      this.#proven = undefined
      this.#search(now)
    }
    this.#tries++
    this.#at = after(now, TRY_MS)
    const { proven } = this
    if (this.#phase === 'confirming' && proven !== undefined) return [proven]
    return this.#sizes.filter((size) => size > (proven ?? 0))
  }

  deadline(): Deadline | undefined {
    return this.#at === undefined ? undefined : { at: this.#at, reason: 'probe the path' }
  }

  #search(now: Instant): void {
    this.#searchedAt = now
    this.#begin('searching', now)
  }

  #begin(phase: 'searching' | 'confirming', now: Instant): void {
    this.#phase = phase
    this.#tries = 0
    this.#at = now
  }

  #rest(now: Instant): void {
    this.#phase = 'resting'
    this.#restedAt = now
    this.#at = this.#endOfRest(now)
  }

  #endOfRest(now: Instant): Instant {
    const raised = after(this.#searchedAt ?? now, RAISE_MS)
    if (this.#proven === undefined) return raised
    const confirmed = after(this.#restedAt ?? now, CONFIRM_MS)
    return this.#isRaisable && raised < confirmed ? raised : confirmed
  }

  #isToBeRaised(now: Instant): boolean {
    return this.#isRaisable && after(this.#searchedAt ?? now, RAISE_MS) <= now
  }

  get #isRaisable(): boolean {
    return this.#proven !== this.#sizes[0]
  }
}
