import type { PeerId } from '../../contract/tunnel-transport.ts'
import { canonicalAddress, formatAddress, type AddressBytes } from '../../net/ip-address.ts'
import { isInRange, MAPPED_ADDRESSES, OWN_ADDRESSES } from '../../net/reserved-range.ts'
import { MIN_MTU } from '../../runtime/mtu.ts'
import { after, SECOND, type Instant } from '../../runtime/time.ts'
import type { PeerNumbers } from '../peer-numbers.ts'
import type { ClientResource, ClientRoutes } from './client-routes.ts'

/** A gateway's refusal makes the client ask again this often at the most. */
const DOUBT_INTERVAL_MS = 30 * SECOND

/** The gateways that the client's resources were granted at. */
export class ServingPeers {
  readonly #routes: ClientRoutes
  readonly #numbers: PeerNumbers
  /** With their numbers, from the first grant on until they are lost. */
  readonly #held = new Map<PeerId, number>()
  /** By their own tunnel addresses. */
  readonly #byAddress = new Map<string, PeerId>()
  /** Of those that take more than the least. */
  readonly #mtus = new Map<PeerId, number>()

  constructor(routes: ClientRoutes, numbers: PeerNumbers) {
    this.#routes = routes
    this.#numbers = numbers
  }

  /** The gateway whose own tunnel address (canonical) this is. */
  at(address: string): PeerId | undefined {
    return this.#byAddress.get(address)
  }

  /** Whether a gateway may speak for an address: its own, or one of a resource that was granted there. */
  isServedBy(peer: PeerId, address: AddressBytes): boolean {
    if (isInRange(OWN_ADDRESSES, address) && !isInRange(MAPPED_ADDRESSES, address)) {
      return this.at(formatAddress(address)) === peer
    }
    return this.#routes.candidates(address).some(({ peers }) => peers.has(peer))
  }

  /** The largest packet that may be sent to a gateway. */
  mtu(peer: PeerId): number {
    return this.#mtus.get(peer) ?? MIN_MTU
  }

  setMtu(peer: PeerId, mtu: number): void {
    if (mtu > MIN_MTU) this.#mtus.set(peer, mtu)
    else this.#mtus.delete(peer)
  }

  granted(resource: ClientResource, peer: PeerId, addresses: readonly string[]): void {
    if (resource.peer !== peer) this.#routes.forgetAnnouncements(resource.resource.id)
    resource.peer = peer
    resource.peers.add(peer)
    if (!this.#held.has(peer)) this.#held.set(peer, this.#numbers.hold(peer))
    resource.requestedAt = undefined
    resource.unreachableUntil = undefined
    for (const text of addresses) {
      const address = canonicalAddress(text)
      if (address !== undefined) this.#byAddress.set(address, peer)
    }
  }

  withdrawn(resource: ClientResource): void {
    this.#end(resource)
    resource.peers.clear()
  }

  /**
   * A gateway refuses what it was said to grant: the grant has ended there, and the next packet asks anew. Its site's own firewalls say the same,
   * so that is not believed often. Whether it was believed.
   */
  refused(peer: PeerId, address: AddressBytes, now: Instant): boolean {
    let believed = false
    for (const resource of this.#routes.candidates(address)) {
      const { doubtedAt } = resource
      if (resource.peer !== peer || (doubtedAt !== undefined && after(doubtedAt, DOUBT_INTERVAL_MS) > now)) continue
      resource.doubtedAt = now
      this.#end(resource)
      believed = true
    }
    return believed
  }

  /** Whether it was known. */
  lost(peer: PeerId): boolean {
    const number = this.#held.get(peer)
    if (number !== undefined) this.#numbers.release(number)
    this.#held.delete(peer)
    let known = false
    for (const [address, at] of this.#byAddress) {
      if (at !== peer) continue
      this.#byAddress.delete(address)
      known = true
    }
    for (const resource of this.#routes.resources()) {
      if (!resource.peers.delete(peer)) continue
      known = true
      if (resource.peer === peer) this.#end(resource)
    }
    return known
  }

  #end(resource: ClientResource): void {
    resource.peer = undefined
    this.#routes.forgetAnnouncements(resource.resource.id)
  }
}
