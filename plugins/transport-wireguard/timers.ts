import { after, SECOND, type Deadline, type Instant } from 'portreeve'

// WireGuard §6.1
export const REJECT_AFTER_MS = 180 * SECOND
export const REKEY_ATTEMPT_MS = 90 * SECOND
export const REKEY_TIMEOUT_MS = 5 * SECOND
export const KEEPALIVE_TIMEOUT_MS = 10 * SECOND

/**
 * Number of messages after which a session ends. The protocol's limit is 2^64 - 2^13 - 1, but a counter here is a
 * number, exact to 2^53. No session of 180 s can send that many, so the difference has no effect.
 */
export const REJECT_AFTER_MESSAGES = Number.MAX_SAFE_INTEGER - 2 ** 13

/** Pace at which sessions are renewed. */
export interface RekeyPace {
  /** Age of a session at which its initiator begins another. */
  readonly afterMs: number
  /** Number of messages sent after which either end begins another session. */
  readonly afterMessages: number
  /** Minimum time between two initiations. */
  readonly timeoutMs: number
}

/** Pace of the protocol (§6.1), with a lower limit on messages, as for `REJECT_AFTER_MESSAGES`. */
export const REKEY_PACE: RekeyPace = {
  afterMs: 120 * SECOND,
  afterMessages: 2 ** 52,
  timeoutMs: REKEY_TIMEOUT_MS,
}

/** Age of the newest session at which unused keys are wiped (§6.3). */
export const FORGET_KEYS_MS = 3 * REJECT_AFTER_MS

/** Maximum random delay of a repeated handshake, so that two ends that begin at once do not stay in step (§6.1). */
export const RETRY_JITTER_MS = 333

/** Minimum time between two initiations of a peer that are answered, as each takes two scalar multiplications. */
export const INITIATION_INTERVAL_MS = 20

/**
 * Age up to which a pending initiation is copied to a newly chosen path, instead of a new one. A new initiation could
 * arrive within `INITIATION_INTERVAL_MS` of the first and be ignored, and the response to the first would be refused;
 * of two copies the peer answers one (§5.1). Longer than latencies of paths differ.
 */
export const INITIATION_COPIED_MS = 250

/** Lifetime of a cookie (§6.6). */
export const COOKIE_MS = 120 * SECOND

const TIMERS = ['retryHandshake', 'sendKeepalive', 'expectReply', 'forgetKeys'] as const

/** Name of a peer's timer, after the action that it triggers. */
export type TimerName = (typeof TIMERS)[number]

/** Timers of one peer. */
export class Timers {
  readonly #due: Record<TimerName, Instant | undefined> = {
    retryHandshake: undefined,
    sendKeepalive: undefined,
    expectReply: undefined,
    forgetKeys: undefined,
  }
  readonly #armed: (deadline: Deadline) => void

  /** `armed` is called with each new deadline, so that a wake-up can be scheduled earlier. */
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

  /** Disarms a timer if it is due. Returns whether it was. */
  takeIfDue(name: TimerName, now: Instant): boolean {
    const at = this.#due[name]
    if (at === undefined || at > now) return false
    this.#due[name] = undefined
    return true
  }

  /** Disarms the earliest timer that is due and returns its name; undefined if none is due. */
  takeDue(now: Instant): TimerName | undefined {
    const next = this.#first()
    if (next === undefined || next.at > now) return undefined
    this.#due[next.reason] = undefined
    return next.reason
  }

  /** Returns the earliest deadline, if any. */
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
