import { after, SECOND, type Deadline, type Instant } from 'portreeve'

// WireGuard §6.1
export const REJECT_AFTER_MS = 180 * SECOND
export const REKEY_ATTEMPT_MS = 90 * SECOND
export const REKEY_TIMEOUT_MS = 5 * SECOND
export const KEEPALIVE_TIMEOUT_MS = 10 * SECOND

/**
 * The protocol's limits are 2^60 and 2^64 - 2^13 - 1. A counter is kept as a number here, which is exact to 2^53; nobody sends as
 * many packets in 180 s, so that the lower limits show nowhere.
 */
export const REJECT_AFTER_MESSAGES = Number.MAX_SAFE_INTEGER - 2 ** 13

/** How often keys change. */
export interface RekeyPace {
  /** The age of a session at which its initiator begins another. */
  readonly afterMs: number
  /** After so many messages of its own either side begins another. */
  readonly afterMessages: number
  /** No initiation follows another sooner. */
  readonly timeoutMs: number
}

/** The protocol's. */
export const REKEY_PACE: RekeyPace = {
  afterMs: 120 * SECOND,
  afterMessages: 2 ** 52,
  timeoutMs: REKEY_TIMEOUT_MS,
}

/** Keys that nobody uses are wiped (§6.3). */
export const FORGET_KEYS_MS = 3 * REJECT_AFTER_MS

/** Up to so much later a handshake is repeated, so that two ends which begin at once do not keep doing so (§6.1). */
export const RETRY_JITTER_MS = 333

/** A peer's initiations are read no faster than that: each costs two multiplications before it is known to be a replay. */
export const INITIATION_INTERVAL_MS = 20

/**
 * A younger initiation goes to another path as it is. A second one could arrive within that interval of the first and stay unread, while the answer
 * to the first, which it replaced, would come in vain; of two copies the peer reads one (§5.1). Longer than paths differ in latency.
 */
export const INITIATION_COPIED_MS = 250

/** How long a cookie is good for (§6.6). */
export const COOKIE_MS = 120 * SECOND

const TIMERS = ['retryHandshake', 'sendKeepalive', 'expectReply', 'forgetKeys'] as const

/** What a peer may be waiting for. */
export type TimerName = (typeof TIMERS)[number]

/** The armed timers of one peer. */
export class Timers {
  readonly #due: Record<TimerName, Instant | undefined> = {
    retryHandshake: undefined,
    sendKeepalive: undefined,
    expectReply: undefined,
    forgetKeys: undefined,
  }
  readonly #armed: (deadline: Deadline) => void

  /** `armed` is told of every deadline, so that whoever sleeps can sleep less. */
  constructor(armed: (deadline: Deadline) => void) {
    this.#armed = armed
  }

  isArmed(name: TimerName): boolean {
    return this.#due[name] !== undefined
  }

  arm(name: TimerName, now: Instant, milliseconds: number): void {
    const at = after(now, milliseconds)
    this.#due[name] = at
    this.#armed({ at, reason: name })
  }

  disarm(name: TimerName): void {
    this.#due[name] = undefined
  }

  disarmAll(): void {
    for (const name of TIMERS) this.#due[name] = undefined
  }

  /** Disarms this timer if it is due; whether it was. */
  takeIfDue(name: TimerName, now: Instant): boolean {
    const at = this.#due[name]
    if (at === undefined || at > now) return false
    this.#due[name] = undefined
    return true
  }

  /** Disarms and names one timer that is due, the earliest first. */
  takeDue(now: Instant): TimerName | undefined {
    const next = this.#first()
    if (next === undefined || next.at > now) return undefined
    this.#due[next.reason] = undefined
    return next.reason
  }

  /** The next timer of this peer. */
  deadline(): Deadline | undefined {
    return this.#first()
  }

  #first(): { at: Instant; reason: TimerName } | undefined {
    let first: { at: Instant; reason: TimerName } | undefined
    for (const reason of TIMERS) {
      const at = this.#due[reason]
      if (at !== undefined && (first === undefined || at < first.at)) first = { at, reason }
    }
    return first
  }
}
