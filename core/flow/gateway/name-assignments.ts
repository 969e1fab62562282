import { compareAddresses, formatAddress, parseAddress, type AddressBytes } from '../../net/ip-address.ts'
import { whyNeverAServer } from '../../net/never-a-server.ts'
import type { Family } from '../../runtime/endpoint.ts'

/** Names that a client may have addresses for at once; the one that was assigned longest ago is forgotten first. */
export const MAX_DOMAINS = 4_096

/** A name of a resource that the client has addresses for. */
export interface Assignment {
  readonly resourceId: string
  readonly domain: string
  /** Of proxy addresses, to what they stand for; undefined where the family has no record. */
  readonly real: ReadonlyMap<string, AddressBytes | undefined>
}

export interface AssignmentRequest {
  resourceId: string
  /** Normalized. */
  domain: string
  /** Canonical texts. */
  proxyIps: readonly string[]
  realIps: readonly string[]
  /** The family that nobody answered for: it keeps what an earlier answer said. */
  unanswered?: Family | undefined
}

/** The names that one client has addresses for, and what these stand for. */
export class NameAssignments {
  readonly #compare: (resourceId: string, other: string) => number
  /** The oldest first. */
  readonly #all = new Set<Assignment>()
  /** By resource, then by name. */
  readonly #byResource = new Map<string, Map<string, Assignment>>()
  readonly #byProxy = new Map<string, readonly Assignment[]>()

  /** `compare` orders the resources whose names share an address. */
  constructor(compare: (resourceId: string, other: string) => number) {
    this.#compare = compare
  }

  has(resourceId: string, domain: string): boolean {
    return this.#byResource.get(resourceId)?.has(domain) === true
  }

  /** The names that the client knows by this address (canonical text), in order. */
  at(proxy: string): readonly Assignment[] {
    return this.#byProxy.get(proxy) ?? []
  }

  /** Maps the sorted proxy addresses to the sorted real ones, cyclically by family. What must not be a server is left out. */
  assign({ resourceId, domain, proxyIps, realIps, unanswered }: AssignmentRequest): void {
    const before = this.#byResource.get(resourceId)?.get(domain)
    const real = new Map<string, AddressBytes | undefined>()
    const servers = sortedAddresses(realIps).filter((address) => whyNeverAServer(address) === undefined)
    for (const length of [4, 16]) {
      const targets = servers.filter((address) => address.length === length)
      const proxies = sortedAddresses(proxyIps).filter((address) => address.length === length)
      const isKnown = unanswered !== (length === 4 ? 'ipv4' : 'ipv6')
      for (const [at, proxy] of proxies.entries()) {
        const text = formatAddress(proxy)
        real.set(text, isKnown ? targets[at % targets.length] : before?.real.get(text))
      }
    }
    if (before !== undefined) this.#remove(before)
    // A client gives an address to another name once the first one is long forgotten. Two at once would be taken for one another.
    for (const proxy of real.keys()) {
      for (const other of this.at(proxy)) if (other.domain !== domain) this.#remove(other)
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
    for (const proxy of real.keys()) {
      // A resource has one name per address: the one that was assigned last.
      const others = this.at(proxy).filter((other) => other.resourceId !== resourceId)
      const shared = [...others, assignment].sort((a, b) => this.#compare(a.resourceId, b.resourceId))
      this.#byProxy.set(proxy, shared)
    }
  }

  #remove(assignment: Assignment): void {
    const { resourceId, domain, real } = assignment
    const names = this.#byResource.get(resourceId)
    names?.delete(domain)
    if (names?.size === 0) this.#byResource.delete(resourceId)
    this.#all.delete(assignment)
    for (const proxy of real.keys()) {
      const others = this.at(proxy).filter((other) => other !== assignment)
      if (others.length === 0) this.#byProxy.delete(proxy)
      else this.#byProxy.set(proxy, others)
    }
  }
}

const sortedAddresses = (texts: readonly string[]): AddressBytes[] =>
  texts
    .map(parseAddress)
    .filter((address) => address !== undefined)
    .sort(compareAddresses)
