import { after, type Instant } from '../runtime/time.ts'
import type { Deadline } from '../runtime/machine.ts'
import type { CandidatePair } from './candidate-pair.ts'
import { CheckLosses } from './check-losses.ts'
import { NO_PATH_MS, NO_REMOTE_CANDIDATES_MS, PATH_LOST_MS, type Circumstances } from './check-timing.ts'
import type { IceRole } from './connectivity-check.ts'
import { pathStatus, type PathStatus } from './path-status.ts'

/** Time from a check to its answer. */
export interface RoundTrip {
  milliseconds: number
  /** Time of the answer. */
  at: Instant
}

/** Pair on which an agent sends packets, and for how long it has had this one, or none. */
export class PathInUse implements Circumstances {
  readonly role: IceRole
  /** Losses among the checks of the pair. */
  readonly losses = new CheckLosses()
  #selected: CandidatePair | undefined
  #selectedAt: Instant
  #trafficAt: Instant | undefined
  #withoutPathSince: Instant
  #hadPath = false
  #roundTrip: RoundTrip | undefined
  /** Whether the portal has lost the peer since the pair was last answered. */
  isPeerDoubted = false

  constructor(role: IceRole, now: Instant) {
    this.role = role
    this.#withoutPathSince = this.#selectedAt = now
  }

  get selected(): CandidatePair | undefined {
    return this.#selected
  }

  /** Time of the latest change of the pair. */
  get selectedAt(): Instant {
    return this.#selectedAt
  }

  /** Time of the tunnel's latest packet, in either direction. */
  get trafficAt(): Instant | undefined {
    return this.#trafficAt
  }

  get withoutPathSince(): Instant {
    return this.#withoutPathSince
  }

  /** Latest round trip on a path in use; undefined until a check of such a path is answered. Outlasts the path. */
  get roundTrip(): RoundTrip | undefined {
    return this.#roundTrip
  }

  /** Path in use, for people. */
  get status(): PathStatus | undefined {
    return this.#selected && pathStatus(this.#selected, this.losses.loss)
  }

  select(pair: CandidatePair, now: Instant): void {
    this.#selected = pair
    this.losses.clear()
    this.#selectedAt = now
    this.#hadPath = true
  }

  /** Gives the pair up, so that another one may be selected. */
  drop(): void {
    this.#selected = undefined
    this.isPeerDoubted = false
  }

  /** Notes that no pair can be used in place of the one that was dropped. */
  lack(now: Instant): void {
    this.#withoutPathSince = now
  }

  trafficSeen(now: Instant): void {
    this.#trafficAt = now
  }

  /** Notes the round trip of a pair, in milliseconds, if it is the one in use. */
  measured(pair: CandidatePair, milliseconds: number, at: Instant): void {
    if (pair === this.#selected) this.#roundTrip = { milliseconds, at }
  }

  /**
   * Returns when the controlling agent gives up. The controlled agent never does: it answers checks as long as its
   * credentials are valid.
   */
  givesUp(hasRemotes: boolean): Deadline | undefined {
    if (this.role === 'controlled' || this.#selected !== undefined) return undefined
    const limit = this.#hadPath ? PATH_LOST_MS : hasRemotes ? NO_PATH_MS : NO_REMOTE_CANDIDATES_MS
    return { at: after(this.#withoutPathSince, limit), reason: 'no path' }
  }

  /** Returns why there is no path. */
  lackReason(hasRemotes: boolean): 'path-lost' | 'no-path' | 'no-remote-candidates' {
    return this.#hadPath ? 'path-lost' : hasRemotes ? 'no-path' : 'no-remote-candidates'
  }
}
