import type { PeerId } from '../../contract/tunnel-transport.ts'
import type { SiteFindings } from '../../dns/site-finding.ts'
import { DEFAULT_RANGES, type AddressRanges } from '../../net/address-ranges.ts'
import { canonicalAddress, formatAddress, type AddressBytes } from '../../net/ip-address.ts'
import { isGrantedBy } from '../../net/never-a-server.ts'
import { PrefixTrie } from '../../net/prefix-trie.ts'
import { isInRange, isOfInternet } from '../../net/reserved-range.ts'
import { UnsentSegments } from '../../net/unsent-segments.ts'
import type { Instant } from '../../runtime/time.ts'
import type { FlowResource } from '../flow-resource.ts'
import { compareEntries, resourceEntry, type ResourceEntry } from '../resource-entry.ts'
import { KeptPackets } from './kept-packets.ts'

/** A resource of the client, and the state of access to it. */
export interface ClientResource extends ResourceEntry {
  /** Gateway that serves the resource; undefined while it is not connected. */
  peer: PeerId | undefined
  /** All gateways at which the resource was granted, as flows of earlier ones may go on. */
  readonly peers: Set<PeerId>
  requestedAt: Instant | undefined
  /** Whether the latest request was made for a question alone, before any packet. */
  isRequestedEarly: boolean
  /** Time of the last refusal by its gateway, in spite of the grant, that was acted on. */
  refusedAt: Instant | undefined
  /** Time until which packets are refused instead of kept, because no gateway could be reached. */
  unreachableUntil: Instant | undefined
  readonly kept: KeptPackets
  /** Segments of open connections that were refused, to be sent once the resource is connected. */
  readonly unsent: UnsentSegments
}

/** State of announcing a name and its addresses to the gateway of one resource. */
export interface Announcement {
  status: 'unknown' | 'pending' | 'active'
  sentAt: Instant | undefined
  /** Number of announcements sent while pending. */
  sent: number
  /** Last reported findings of the site for the name; absent if there was no problem. */
  found?: SiteFindings | undefined
}

/** A name with mapped addresses, and its announcements to the gateways of its resources. */
export interface ClientName {
  readonly domain: string
  readonly addresses: readonly string[]
  resourceIds: readonly string[]
  /** Announcements by resource id. */
  readonly announced: Map<string, Announcement>
  /** Resources whose sites are to say whether they have the name, though no packet waits. */
  readonly awaitedOf: Set<string>
  /** Time at which an application was last told the name's addresses. */
  askedAt: Instant | undefined
  /** Whether to report the name's next packet. */
  isWatched: boolean
}

/** Routing table of the client: resources by prefix and by name, in the same order as at the gateway (T5). */
export class ClientRoutes {
  /** Ranges of the account's tunnels. */
  ranges: AddressRanges = DEFAULT_RANGES
  #resources = new Map<string, ClientResource>()
  readonly #prefixes = new PrefixTrie<ClientResource>(compareEntries)
  #internet: ClientResource | undefined
  readonly #names = new Map<string, ClientName>()
  readonly #byAddress = new Map<string, ClientName>()
  /** Whether `watchNames` was ever called. */
  #isWatching = false

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

  /** Returns the name that a mapped address belongs to. */
  nameAt(address: AddressBytes): ClientName | undefined {
    return this.#byAddress.get(formatAddress(address))
  }

  /** Replaces all resources. A resource keeps its state if its type and address are the same as before. */
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
              isRequestedEarly: false,
              refusedAt: undefined,
              unreachableUntil: undefined,
              kept: new KeptPackets(),
              unsent: new UnsentSegments(),
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

  /** Sets the addresses and resources of a name. Returns the same object as before if its addresses are the same. */
  mapName({ domain, addresses, resourceIds }: Pick<ClientName, 'domain' | 'addresses' | 'resourceIds'>): ClientName {
    const canonical = addresses.map(canonicalAddress).filter((address) => address !== undefined)
    const held = this.#names.get(domain)
    if (held !== undefined && held.addresses.join() === canonical.join()) {
      if (held.resourceIds.join() !== resourceIds.join()) held.resourceIds = resourceIds
      return held
    }
    for (const address of held?.addresses ?? []) this.#byAddress.delete(address)
    const state = { announced: new Map(), awaitedOf: new Set<string>(), askedAt: undefined, isWatched: false }
    const name: ClientName = { domain, addresses: canonical, resourceIds, ...state }
    this.#names.set(domain, name)
    for (const address of canonical) this.#byAddress.set(address, name)
    return name
  }

  forgetName(domain: string): void {
    for (const address of this.#names.get(domain)?.addresses ?? []) this.#byAddress.delete(address)
    this.#names.delete(domain)
  }

  /** Has `takeWatched` tell of each present name once. */
  watchNames(): void {
    for (const name of this.#names.values()) name.isWatched = true
    this.#isWatching = true
  }

  /** Returns the name of an address, the first time since `watchNames`. */
  takeWatched(address: AddressBytes): string | undefined {
    const name = this.#isWatching ? this.nameAt(address) : undefined
    if (name?.isWatched !== true) return undefined
    name.isWatched = false
    return name.domain
  }

  /** Forgets all announcements of names of a resource, so that they are sent again. */
  forgetAnnouncements(resourceId: string): void {
    for (const { announced } of this.#names.values()) announced.delete(resourceId)
  }

  /**
   * Returns the resources that cover an address, most specific first. Empty for a mapped address of a family that its
   * name lacks (D5).
   */
  covering(address: AddressBytes): ClientResource[] {
    if (isInRange(this.ranges.mapped, address)) {
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
