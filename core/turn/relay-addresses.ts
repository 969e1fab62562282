import type { Prefix } from '../net/prefix.ts'
import { splitEndpoint, type Endpoint, type Family } from '../runtime/endpoint.ts'
import type { Allocation } from './allocation.ts'
import { PermittedPeers, type PeerRefusal } from './permitted-peers.ts'

/** Addresses of relayed ports by family; a family without one is not offered. */
export type RelayedAddresses = Partial<Record<Family, string>>

/**
 * Addresses of one relay: those at which peers reach its relayed ports, those of its machine, and what follows from both:
 * which endpoints are the relay's own, and which others are permitted as peers.
 */
export class RelayAddresses {
  readonly #ports: { first: number; last: number }
  readonly #permitted: PermittedPeers
  #relayed: RelayedAddresses
  #own: readonly string[] = []

  /**
   * @param given the relayed addresses at first, the first and last relayed port, and prefixes permitted as peers
   * besides the Internet
   */
  constructor(given: {
    relayed: RelayedAddresses
    ports: { first: number; last: number }
    permittedPeers: readonly Prefix[]
  }) {
    this.#ports = given.ports
    this.#permitted = new PermittedPeers(given.permittedPeers)
    this.#relayed = given.relayed
    this.#tellOwn()
  }

  /** Whether the relay has relayed ports of a family. */
  offers(family: Family): boolean {
    return this.#relayed[family] !== undefined
  }

  /** Whether an endpoint is, or may become, one of this relay's own relayed ports. */
  isRelayed(peer: Endpoint): boolean {
    const parts = splitEndpoint(peer)
    const { first, last } = this.#ports
    return parts !== undefined && parts.port >= first && parts.port <= last && this.#isRelayedAddress(parts.address)
  }

  /** Returns why an endpoint that is not the relay's own is no peer; undefined if it is permitted. */
  whyRefused(peer: Endpoint): PeerRefusal | undefined {
    return this.#permitted.whyRefused(peer)
  }

  /** Returns why an address is no peer's; undefined if it is permitted, or the relay's own. */
  whyAddressRefused(address: string): PeerRefusal | undefined {
    return this.#isRelayedAddress(address) ? undefined : this.#permitted.whyAddressRefused(address)
  }

  /** Notes the addresses of the relay's machine, in canonical text, which are no peers unless the configuration permits them. */
  ownChanged(own: readonly string[]): void {
    this.#own = own
    this.#tellOwn()
  }

  /** Notes the addresses of relayed ports. Returns whether peers would look for an allocation where it is no longer. */
  relayedChanged(relayed: RelayedAddresses): (allocation: Allocation) => boolean {
    const before = this.#relayed
    this.#relayed = relayed
    this.#tellOwn()
    return (allocation) => [...allocation.relayed.keys()].some((family) => relayed[family] !== before[family])
  }

  #isRelayedAddress(address: string): boolean {
    const { ipv4, ipv6 } = this.#relayed
    return address === ipv4 || address === ipv6
  }

  #tellOwn(): void {
    this.#permitted.ownAddresses = new Set([...this.#own, ...Object.values(this.#relayed)])
  }
}
