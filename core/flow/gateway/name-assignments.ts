import { compareAddresses, formatAddress, parseAddress, type AddressBytes } from '../../net/ip-address.ts'
import { whyNeverAServer } from '../../net/never-a-server.ts'
import type { Family } from '../../runtime/endpoint.ts'

/** Most names of one client that have addresses; the one assigned longest ago is forgotten first. */
export const MAX_DOMAINS = 4_096

/** A name of a resource, and the addresses that a client has mapped to it. */
export interface Assignment {
  readonly resourceId: string
  readonly domain: string
  /** Real address by mapped address; undefined if the name has none of that family. */
  readonly real: ReadonlyMap<string, AddressBytes | undefined>
}

/** Mapped addresses of a client for a name, and the real addresses found for it. */
export interface AssignmentRequest {
  resourceId: string
  /** Normalized name. */
  domain: string
  /** Mapped addresses of the client, canonical. `realIps` are those of the site, canonical too. */
  mappedIps: readonly string[]
  realIps: readonly string[]
  /** Family whose lookup was not answered, which keeps the addresses of an earlier answer. */
  unanswered?: Family | undefined
}

/** Names of one client with their mapped addresses and the real addresses for these. */
export class NameAssignments {
  readonly #compare: (resourceId: string, other: string) => number
  /** All assignments, oldest first. */
  readonly #all = new Set<Assignment>()
  /** Assignments by resource, then by name. */
  readonly #byResource = new Map<string, Map<string, Assignment>>()
  readonly #byMapped = new Map<string, readonly Assignment[]>()

  /** `compare` orders resources by id, for names that share a mapped address. */
  constructor(compare: (resourceId: string, other: string) => number) {
    this.#compare = compare
  }

  has(resourceId: string, domain: string): boolean {
    return this.#byResource.get(resourceId)?.has(domain) === true
  }

  /** Returns the assignments of a mapped address (canonical), in the order of their resources. */
  at(mapped: string): readonly Assignment[] {
    return this.#byMapped.get(mapped) ?? []
  }

  /**
   * Assigns real addresses to the mapped addresses of a name: both sorted, in turn, by family. Leaves out addresses
   * that cannot be a server's.
   */
  assign({ resourceId, domain, mappedIps, realIps, unanswered }: AssignmentRequest): void {
    const before = this.#byResource.get(resourceId)?.get(domain)
    const real = new Map<string, AddressBytes | undefined>()
    const servers = sortedAddresses(realIps).filter((address) => whyNeverAServer(address) === undefined)
    for (const length of [4, 16]) {
      const targets = servers.filter((address) => address.length === length)
      const mappedAddresses = sortedAddresses(mappedIps).filter((address) => address.length === length)
      const isKnown = unanswered !== (length === 4 ? 'ipv4' : 'ipv6')
      for (const [at, mapped] of mappedAddresses.entries()) {
        const text = formatAddress(mapped)
        real.set(text, isKnown ? targets[at % targets.length] : before?.real.get(text))
      }
    }
    if (before !== undefined) this.#remove(before)
    // A client maps an address to another name only after forgetting the first, so any other name loses it.
    for (const mapped of real.keys()) {
      for (const other of this.at(mapped)) if (other.domain !== domain) this.#remove(other)
    }
    this.#add({ resourceId, domain, real })
    const [oldest] = this.#all
    if (this.#all.size > MAX_DOMAINS && oldest !== undefined) this.#remove(oldest)
  }

  /** Forgets the names of a resource. */
  forget(resourceId: string): void {
    for (const assignment of this.#byResource.get(resourceId)?.values() ?? []) this.#remove(assignment)
  }

  #add(assignment: Assignment): void {
    const { resourceId, domain, real } = assignment
    const names = this.#byResource.get(resourceId)
    if (names === undefined) this.#byResource.set(resourceId, new Map([[domain, assignment]]))
    else names.set(domain, assignment)
    this.#all.add(assignment)
    for (const mapped of real.keys()) {
      // An address belongs to one name of a resource, the one assigned last.
      const others = this.at(mapped).filter((other) => other.resourceId !== resourceId)
      const shared = [...others, assignment].sort((a, b) => this.#compare(a.resourceId, b.resourceId))
      this.#byMapped.set(mapped, shared)
    }
  }

  #remove(assignment: Assignment): void {
    const { resourceId, domain, real } = assignment
    const names = this.#byResource.get(resourceId)
    names?.delete(domain)
    if (names?.size === 0) this.#byResource.delete(resourceId)
    this.#all.delete(assignment)
    for (const mapped of real.keys()) {
      const others = this.at(mapped).filter((other) => other !== assignment)
      if (others.length === 0) this.#byMapped.delete(mapped)
      else this.#byMapped.set(mapped, others)
    }
  }
}

const sortedAddresses = (texts: readonly string[]): AddressBytes[] =>
  texts
    .map(parseAddress)
    .filter((address) => address !== undefined)
    .sort(compareAddresses)
