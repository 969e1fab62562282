import type { Deadline } from '../runtime/machine.ts'
import { after, MINUTE, SECOND, type Instant } from '../runtime/time.ts'

/**
 * Parameters of RFC 8899 §5.1: MAX_PROBES, PROBE_TIMER, CONFIRMATION_TIMER and PMTU_RAISE_TIMER. Probes are repeated
 * more often than the RFC's 3 times, at shorter intervals: if a fifth of all datagrams is lost (H8), a third of the
 * probes has no answer, and a confirmed size must not be given up for that even once in an hour.
 */
const MAX_TRIES = { searching: 5, confirming: 10 }
const TRY_MS = SECOND / 2
const CONFIRM_MS = 5 * SECOND
const RAISE_MS = 10 * MINUTE

/**
 * Path MTU discovery for the path in use, by probes of a few sizes (RFC 8899), so that it does not depend on ICMP
 * errors of routers. All sizes are probed at once, so that one round trip suffices. As long as there is traffic, the
 * confirmed size is probed again; when its probes are not answered any more, the path has changed, and the search
 * starts again.
 */
export class PathProbe {
  /** Sizes in bytes, largest first. */
  readonly #sizes: readonly number[]
  #phase: 'none' | 'searching' | 'resting' | 'confirming' = 'none'
  #proven: number | undefined
  #tries = 0
  /** Time of the next step; undefined while waiting for traffic or for a path. */
  #at: Instant | undefined
  #restedAt: Instant | undefined
  #searchedAt: Instant | undefined
  #trafficAt: Instant | undefined

  /** `sizes` are datagram sizes in bytes, largest first; if empty, nothing is probed. */
  constructor(sizes: readonly number[]) {
    this.#sizes = sizes
  }

  /** Largest size in bytes that the path is confirmed to carry; undefined if none is. */
  get proven(): number | undefined {
    return this.#proven
  }

  /** Starts the search on a path that is newly in use. */
  begin(now: Instant): void {
    this.end()
    if (this.#sizes.length > 0) this.#search(now)
  }

  /** Stops, as no path is in use. */
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

  /** Records that the other end has received a probe of this size. */
  answered(size: number, now: Instant): void {
    if (this.#phase === 'none') return
    if (size > (this.#proven ?? 0)) this.#proven = size
    const isDone = this.#phase === 'searching' ? size === this.#sizes[0] : size === this.#proven
    if (isDone && this.#phase !== 'resting') this.#rest(now)
  }

  /** Returns the sizes in bytes of the probes to send. */
  wake(now: Instant): number[] {
    if (this.#at === undefined || this.#at > now) return []
    if (this.#phase === 'resting') {
      // Nothing is probed while there is no traffic.
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
