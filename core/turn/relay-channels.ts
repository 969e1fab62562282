// Channels of an allocation (RFC 8656 §12), as its client sees them: a number for each peer's endpoint, bound when
// something is to be sent.
import type { Endpoint } from '../runtime/endpoint.ts'
import type { Deadline } from '../runtime/machine.ts'
import { after, MINUTE, SECOND, type Instant } from '../runtime/time.ts'
import { FIRST_CHANNEL, LAST_CHANNEL } from './channel-data.ts'

/** A channel to a peer's endpoint. */
export interface RelayChannel {
  readonly number: number
  readonly peer: Endpoint
  /** Time of the request that bound it; undefined if it is not bound. */
  boundAt: Instant | undefined
  /** Time of the request to bind it that is under way. */
  bindingSince: Instant | undefined
  /** Time until which no other attempt is made, because the relay has refused. */
  refusedUntil: Instant | undefined
  /** Time of the last datagram in either direction that passed this machine's host. */
  usedAt: Instant
}

/** Lifetime of a binding (RFC 8656 §12). */
const BOUND_MS = 10 * MINUTE
/** Age at which a binding in use is renewed: a little before the permission ends, which lasts 5 minutes (RFC 8656 §9). */
const RENEW_MS = 5 * MINUTE - 30 * SECOND
/** Interval at which bindings are looked at: there may be thousands. */
const LOOK_MS = 10 * SECOND
/** Time after its binding for which a number leads to no other peer (RFC 8656 §12), and room for the last answer. */
const RESTS_MS = BOUND_MS + 5 * MINUTE + 30 * SECOND
/** Time for which an unbound number is kept for a peer that nothing is sent to. */
const UNUSED_MS = 1 * MINUTE
const REFUSED_MS = 30 * SECOND

/** Channels of one allocation. */
export class RelayChannels {
  readonly #byNumber = new Map<number, RelayChannel>()
  readonly #byPeer = new Map<Endpoint, RelayChannel>()
  #next = FIRST_CHANNEL
  #lookAt: Instant | undefined

  at(number: number): RelayChannel | undefined {
    return this.#byNumber.get(number)
  }

  /** Returns the channel of a peer, whose number is its own from here on; undefined if all numbers are taken. */
  of(peer: Endpoint, now: Instant): RelayChannel | undefined {
    const known = this.#byPeer.get(peer)
    if (known !== undefined) return known
    const number = this.#freeNumber(now)
    if (number === undefined) return undefined
    const channel: RelayChannel = { number, peer, usedAt: now, ...UNBOUND }
    this.#byNumber.set(number, channel)
    this.#byPeer.set(peer, channel)
    return channel
  }

  /** Whether ChannelData may be sent. */
  isBound({ boundAt }: RelayChannel, now: Instant): boolean {
    return boundAt !== undefined && after(boundAt, BOUND_MS) > now
  }

  /** Whether a request to bind a channel is to be sent with its next datagram: it is not bound, or was a while ago. */
  isToBind({ boundAt, bindingSince, refusedUntil }: RelayChannel, now: Instant): boolean {
    if (bindingSince !== undefined || (refusedUntil !== undefined && refusedUntil > now)) return false
    return boundAt === undefined || after(boundAt, RENEW_MS) <= now
  }

  /** Records that the relay has bound a channel. */
  bound(channel: RelayChannel, now: Instant): void {
    channel.boundAt = channel.bindingSince ?? now
    this.#lookAt ??= after(now, LOOK_MS)
    channel.bindingSince = channel.refusedUntil = undefined
  }

  /** Records that the relay has refused to bind a channel, or has not answered. */
  refused(channel: RelayChannel, now: Instant): void {
    channel.bindingSince = undefined
    channel.refusedUntil = after(now, REFUSED_MS)
  }

  /** Records that the allocation is gone, and with it the bindings. The numbers stay. */
  unbindAll(): void {
    for (const channel of this.#byNumber.values()) {
      Object.assign(channel, UNBOUND)
    }
  }

  /** Returns the channels to bind again: those that were used since they were bound last. */
  wake(now: Instant): RelayChannel[] {
    if (this.#lookAt === undefined || this.#lookAt > now) return []
    const bound = [...this.#byNumber.values()].filter((channel) => this.isBound(channel, now))
    this.#lookAt = bound.length === 0 ? undefined : after(now, LOOK_MS)
    return bound.filter((channel) => channel.usedAt > (channel.boundAt ?? now) && this.isToBind(channel, now))
  }

  deadline(): Deadline | undefined {
    return this.#lookAt === undefined ? undefined : { at: this.#lookAt, reason: 'bind channels again' }
  }

  #freeNumber(now: Instant): number | undefined {
    for (let tries = FIRST_CHANNEL; tries <= LAST_CHANNEL; tries++) {
      const number = this.#next
      this.#next = number === LAST_CHANNEL ? FIRST_CHANNEL : number + 1
      const taken = this.#byNumber.get(number)
      if (taken === undefined) return number
      const rests = taken.boundAt === undefined ? UNUSED_MS : RESTS_MS
      if (taken.bindingSince !== undefined || after(taken.boundAt ?? taken.usedAt, rests) > now) continue
      this.#byPeer.delete(taken.peer)
      return number
    }
    return undefined
  }
}

const UNBOUND = { boundAt: undefined, bindingSince: undefined, refusedUntil: undefined }
