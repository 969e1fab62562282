import type { Endpoint, Family } from '../runtime/endpoint.ts'
import { splitEndpoint } from '../runtime/endpoint.ts'
import type { Instant } from '../runtime/time.ts'
import type { AccountUse } from './account-uses.ts'

/**
 * Way to a client of a relay: the listening socket, by its number, and the client's source there: an endpoint, or the
 * name of a stream. With the relay's end of that socket it is the 5-tuple of RFC 8656 §2.2.
 */
export interface ClientWay {
  listener: number
  source: string
}

/** Channel of an allocation (RFC 8656 §12): a number that stands for a peer. */
export interface Channel {
  readonly allocation: Allocation
  readonly number: number
  readonly peer: Endpoint
  readonly family: Family
  /** Whether the peer is a relayed endpoint of the same relay: data for it does not leave the machine. */
  readonly isInHouse: boolean
  expiresAt: Instant
}

/** Allocation of a relay (RFC 8656 §2.2): a client's relayed endpoints, with its permissions and channels. */
export class Allocation {
  readonly id: number
  readonly client: ClientWay
  readonly username: string
  /** Use of the relay by the client's account, this allocation included. */
  readonly use: AccountUse
  expiresAt: Instant
  /** Time of the last datagram from the client that was a request. */
  heardAt: Instant
  /** Endpoints at which peers reach the client, by family; empty until the ports are open. */
  readonly relayed = new Map<Family, Endpoint>()
  readonly #permissions = new Map<string, Instant>()
  readonly #byNumber = new Map<number, Channel>()
  readonly #byPeer = new Map<Endpoint, Channel>()

  constructor({
    id,
    client,
    username,
    use,
    now,
  }: {
    id: number
    client: ClientWay
    username: string
    use: AccountUse
    now: Instant
  }) {
    this.id = id
    this.client = client
    this.username = username
    this.use = use
    this.expiresAt = now
    this.heardAt = now
  }

  /** Number of permissions and channels. */
  get size(): number {
    return this.#permissions.size + this.#byNumber.size
  }

  /** Permits data from and to an address, in canonical text, until a time (RFC 8656 §9). */
  permit(address: string, until: Instant): void {
    this.#permissions.set(address, until)
  }

  isPermitted(address: string, now: Instant): boolean {
    return (this.#permissions.get(address) ?? -Infinity) > now
  }

  /**
   * Binds a channel to a peer, or renews it. False if the number, or the peer, is bound otherwise (RFC 8656 §12.2).
   */
  bind(
    number: number,
    peer: Endpoint,
    { until, now, isInHouse }: { until: Instant; now: Instant; isInHouse: boolean },
  ): boolean {
    const [ofNumber, ofPeer] = [this.channel(number, now), this.channelTo(peer, now)]
    if (ofNumber !== ofPeer) return false
    if (ofNumber !== undefined) {
      ofNumber.expiresAt = until
      return true
    }
    this.#forget(this.#byNumber.get(number))
    this.#forget(this.#byPeer.get(peer))
    const family = splitEndpoint(peer)?.family ?? 'ipv4'
    const channel = { allocation: this, number, peer, family, isInHouse, expiresAt: until }
    this.#byNumber.set(number, channel)
    this.#byPeer.set(peer, channel)
    return true
  }

  /** Returns the channel of a number, unless it has expired. */
  channel(number: number, now: Instant): Channel | undefined {
    const channel = this.#byNumber.get(number)
    return channel !== undefined && channel.expiresAt > now ? channel : undefined
  }

  /** Returns the channel that is bound to a peer, unless it has expired. */
  channelTo(peer: Endpoint, now: Instant): Channel | undefined {
    const channel = this.#byPeer.get(peer)
    return channel !== undefined && channel.expiresAt > now ? channel : undefined
  }

  /** Forgets permissions and channels that have expired. */
  sweep(now: Instant): void {
    for (const [address, until] of this.#permissions) if (until <= now) this.#permissions.delete(address)
    for (const channel of this.#byNumber.values()) if (channel.expiresAt <= now) this.#forget(channel)
  }

  #forget(channel: Channel | undefined): void {
    if (channel === undefined) return
    this.#byNumber.delete(channel.number)
    this.#byPeer.delete(channel.peer)
  }
}
