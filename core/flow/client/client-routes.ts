import type { PeerId } from '../../contract/tunnel-transport.ts'
import type { SiteFindings } from '../../dns/site-finding.ts'
import { canonicalAddress, formatAddress, type AddressBytes } from '../../net/ip-address.ts'
import { isGrantedBy } from '../../net/never-a-server.ts'
import { PrefixTrie } from '../../net/prefix-trie.ts'
import { isInRange, isOfInternet, MAPPED_ADDRESSES } from '../../net/reserved-range.ts'
import type { Instant } from '../../runtime/time.ts'
import type { FlowResource } from '../flow-resource.ts'
import { compareEntries, resourceEntry, type ResourceEntry } from '../resource-entry.ts'
import { KeptPackets } from './kept-packets.ts'

/** A resource at the client, and how far the way to it has come. */
export interface ClientResource extends ResourceEntry {
  /** The gateway that serves it; absent before it is granted. */
  peer: PeerId | undefined
  /** All gateways that it was granted at: the flows of an earlier one may still be answered. */
  readonly peers: Set<PeerId>
  requestedAt: Instant | undefined
  /** When its gateway last refused what it was granted. */
  doubtedAt: Instant | undefined
  /** Until when packets are refused instead of kept: no way to a gateway was found a moment ago. */
  unreachableUntil: Instant | undefined
  readonly kept: KeptPackets
}

/** What a gateway knows of a name of one resource, as far as the client can tell. */
export interface Announcement {
  status: 'unknown' | 'pending' | 'active'
  sentAt: Instant | undefined
  /** How often since it is pending. */
  sent: number
  /** The trouble that the site last had with the name, as it was reported. */
  found?: SiteFindings | undefined
}

/** A name that has addresses, and what the gateways of its resources know of it. */
export interface ClientName {
  readonly domain: string
  readonly addresses: readonly string[]
  resourceIds: readonly string[]
  /** By resource. */
  readonly announced: Map<string, Announcement>
  /** Whether its next packet is to be reported. */
  isWatched: boolean
}

/** Where the client sends what: resources by prefix and by name, the same order as at the gateway (T5). */
export class ClientRoutes {
  #resources = new Map<string, ClientResource>()
  readonly #prefixes = new PrefixTrie<ClientResource>(compareEntries)
  #internet: ClientResource | undefined
  readonly #names = new Map<string, ClientName>()
  readonly #byAddress = new Map<string, ClientName>()

  resource(id: string): ClientResource | undefined {
    return this.#resources.get(id)
  }

  resources(): Iterable<ClientResource> {
    return this.#resources.values()
  }

  names(): Iterable<ClientName> {
    return this.#names.values()
  }

  name(domain: string): ClientName | undefined {
    return this.#names.get(domain)
  }

  /** The name that a mapped address stands for. */
  nameAt(address: AddressBytes): ClientName | undefined {
    return this.#byAddress.get(formatAddress(address))
  }

  /** Takes over the list: a resource whose kind and address stay keeps its state, another one begins anew. */
  replaceResources(resources: readonly FlowResource[]): void {
    const held = this.#resources
    this.#resources = new Map()
    this.#prefixes.clear()
    this.#internet = undefined
    for (const resource of resources) {
      const before = held.get(resource.id)
      const same =
        before !== undefined && before.resource.type === resource.type && before.resource.address === resource.address
      const entry: ClientResource = {
        ...(same
          ? before
          : {
              peer: undefined,
              peers: new Set(),
              requestedAt: undefined,
              doubtedAt: undefined,
              unreachableUntil: undefined,
              kept: new KeptPackets(),
            }),
        ...resourceEntry(resource),
      }
      this.#resources.set(resource.id, entry)
      if (entry.prefix !== undefined) this.#prefixes.add(entry.prefix, entry)
      else if (resource.type === 'internet') this.#internet = firstOf(this.#internet, entry)
      if (before !== undefined && !same) this.forgetAnnouncements(resource.id)
    }
    for (const id of held.keys()) if (!this.#resources.has(id)) this.forgetAnnouncements(id)
  }

  /** Takes over the addresses and resources of a name; the same object where its addresses stay. */
  mapName({ domain, addresses, resourceIds }: Pick<ClientName, 'domain' | 'addresses' | 'resourceIds'>): ClientName {
    const canonical = addresses.map(canonicalAddress).filter((address) => address !== undefined)
    const held = this.#names.get(domain)
    if (held !== undefined && held.addresses.join() === canonical.join()) {
      if (held.resourceIds.join() !== resourceIds.join()) held.resourceIds = resourceIds
      return held
    }
    for (const address of held?.addresses ?? []) this.#byAddress.delete(address)
    const name: ClientName = { domain, addresses: canonical, resourceIds, announced: new Map(), isWatched: false }
    this.#names.set(domain, name)
    for (const address of canonical) this.#byAddress.set(address, name)
    return name
  }

  forgetName(domain: string): void {
    for (const address of this.#names.get(domain)?.addresses ?? []) this.#byAddress.delete(address)
    this.#names.delete(domain)
  }

  /** The gateways know nothing of the names of this resource any more. */
  forgetAnnouncements(resourceId: string): void {
    for (const { announced } of this.#names.values()) announced.delete(resourceId)
  }

  /** What covers an address, the most specific first. Nothing covers an address of a family that its name does not have (D5). */
  candidates(address: AddressBytes): ClientResource[] {
    if (isInRange(MAPPED_ADDRESSES, address)) {
      const ids = this.nameAt(address)?.resourceIds ?? []
      const entries = ids
        .map((id) => this.#resources.get(id))
        .filter((entry) => entry !== undefined)
        .sort(compareEntries)
      const other = address.length === 4 ? 'ipv6_only' : 'ipv4_only'
      return entries[0]?.resource.ipStack === other ? [] : entries
    }
    const matches = this.#prefixes.matches(address, 0, address.length)
    const found = matches.filter(({ prefix }) => prefix !== undefined && isGrantedBy(prefix, address))
    if (this.#internet !== undefined && isOfInternet(address)) found.push(this.#internet)
    return found
  }
}

const firstOf = (held: ClientResource | undefined, other: ClientResource): ClientResource =>
  held === undefined || compareEntries(other, held) < 0 ? other : held
