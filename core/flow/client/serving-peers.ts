import type { PeerId } from '../../contract/tunnel-transport.ts'
import { isDeviceRange } from '../../net/address-ranges.ts'
import { canonicalAddress, formatAddress, type AddressBytes } from '../../net/ip-address.ts'
import { MIN_MTU } from '../../runtime/mtu.ts'
import { after, SECOND, type Instant } from '../../runtime/time.ts'
import type { PeerNumbers } from '../peer-numbers.ts'
import type { ClientResource, ClientRoutes } from './client-routes.ts'

/** Shortest interval at which a gateway's refusal makes the client request access again. */
const REFUSAL_INTERVAL_MS = 30 * SECOND

/** Gateways at which resources of the client were granted. */
export class ServingPeers {
  readonly #routes: ClientRoutes
  readonly #numbers: PeerNumbers
  /** Numbers of gateways, held from the first grant until the gateway is lost. */
  readonly #held = new Map<PeerId, number>()
  /** Gateways by their own tunnel addresses (canonical). */
  readonly #byAddress = new Map<string, PeerId>()
  /** Path MTU in bytes by gateway, for those above `MIN_MTU`. */
  readonly #mtus = new Map<PeerId, number>()

  constructor(routes: ClientRoutes, numbers: PeerNumbers) {
    this.#routes = routes
    this.#numbers = numbers
  }

  /** Returns the gateway with this tunnel address (canonical). */
  at(address: string): PeerId | undefined {
    return this.#byAddress.get(address)
  }

  /**
   * Whether packets from an address may come from a gateway: the address is its own, or of a resource that was granted
   * there.
   */
  isServedBy(peer: PeerId, address: AddressBytes): boolean {
    if (isDeviceRange(this.#routes.ranges, address)) {
      return this.at(formatAddress(address)) === peer
    }
    return this.#routes.covering(address).some(({ peers }) => peers.has(peer))
  }

  /** Returns the path MTU to a gateway in bytes. */
  mtu(peer: PeerId): number {
    return this.#mtus.get(peer) ?? MIN_MTU
  }

  setMtu(peer: PeerId, mtu: number): void {
    if (mtu > MIN_MTU) this.#mtus.set(peer, mtu)
    else this.#mtus.delete(peer)
  }

  connected(resource: ClientResource, peer: PeerId, addresses: readonly string[]): void {
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

  /**
   * Handles "administratively prohibited" from a gateway for a granted address: forgets the grant, so that the next
   * packet requests it again. A site's firewall sends the same error, so this acts at most once in 30 s for a resource.
   * Returns whether it acted.
   */
  refused(peer: PeerId, address: AddressBytes, now: Instant): boolean {
    let acted = false
    for (const resource of this.#routes.covering(address)) {
      const { refusedAt } = resource
      if (resource.peer !== peer || (refusedAt !== undefined && after(refusedAt, REFUSAL_INTERVAL_MS) > now)) continue
      resource.refusedAt = now
      this.#end(resource)
      acted = true
    }
    return acted
  }

  /** Forgets a gateway and all grants there. Returns whether it was known. */
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
