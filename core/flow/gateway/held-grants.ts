import type { PeerId } from '../../contract/tunnel-transport.ts'
import { ResourceNames } from '../../dns/resource-names.ts'
import { embeddedIpv4 } from '../../net/embedded-ipv4.ts'
import type { AddressBytes } from '../../net/ip-address.ts'
import { isGrantedBy } from '../../net/never-a-server.ts'
import { PrefixTrie } from '../../net/prefix-trie.ts'
import { isOfInternet } from '../../net/reserved-range.ts'
import type { Instant } from '../../runtime/time.ts'
import { compareEntries, type ResourceEntry } from '../resource-entry.ts'
import { MachineAddresses } from './machine-addresses.ts'

/** Permission of one client to reach a resource. */
export interface Grant extends ResourceEntry {
  /** Client that has the grant. */
  readonly peer: PeerId
  /** Expiry of the grant; undefined if it does not expire. */
  expiresAt: Instant | undefined
}

/** Grants of one client, indexed by prefix, so that a look-up touches only those that cover an address. */
export class HeldGrants {
  readonly #machine: MachineAddresses
  readonly #grants = new Map<string, Grant>()
  readonly #prefixes = new PrefixTrie<Grant>(compareEntries)
  /**
   * Grants of Internet resources. An account has one such resource; if there are several, the first in order counts.
   */
  #internet: Grant[] = []
  /** Index of names, made at the first use, as few clients need it. */
  #names: ResourceNames | undefined

  constructor(machine = new MachineAddresses()) {
    this.#machine = machine
  }

  get size(): number {
    return this.#grants.size
  }

  get(resourceId: string): Grant | undefined {
    return this.#grants.get(resourceId)
  }

  /** Returns all grants, in a new array. */
  all(): Grant[] {
    return [...this.#grants.values()]
  }

  /** Adds a grant. Returns the one for the same resource that it has replaced. */
  put(grant: Grant): Grant | undefined {
    const { resource, prefix } = grant
    const replaced = this.remove(resource.id)
    this.#grants.set(resource.id, grant)
    this.#names = undefined
    if (prefix !== undefined) this.#prefixes.add(prefix, grant)
    else if (resource.type === 'internet') this.#internet = [...this.#internet, grant].sort(compareEntries)
    return replaced
  }

  remove(resourceId: string): Grant | undefined {
    const grant = this.#grants.get(resourceId)
    if (grant === undefined) return undefined
    this.#grants.delete(resourceId)
    if (grant.prefix !== undefined) this.#prefixes.remove(grant.prefix, grant)
    else if (grant.resource.type === 'internet') this.#internet = this.#internet.filter((other) => other !== grant)
    this.#names = undefined
    return grant
  }

  get holdsInternet(): boolean {
    return this.#internet.length > 0
  }

  /** Grants of Internet resources, in a new array. */
  get internet(): Grant[] {
    return [...this.#internet]
  }

  /** Returns the grants that cover an address, which is not a mapped one, most specific first. */
  covering(address: AddressBytes): Grant[] {
    const matches = this.#prefixes.matches(address, 0, address.length)
    const grants = matches.filter(({ prefix }) => prefix !== undefined && isGrantedBy(prefix, address))
    const [internet] = this.#internet
    // The Internet resource does not include services of the gateway's machine; a prefix may.
    if (internet !== undefined && isOfInternet(address) && !this.#isMachine(address)) grants.push(internet)
    return grants
  }

  #isMachine(address: AddressBytes): boolean {
    return this.#machine.has(address) || embeddedIpv4(address).some((ipv4) => this.#machine.has(ipv4))
  }

  /** Whether there is a grant for a resource with this normalized name. */
  coversName(name: string): boolean {
    const named = () => this.all().flatMap(({ resource }) => (resource.type === 'dns' ? [resource] : []))
    this.#names ??= new ResourceNames(named())
    return this.#names.match(name).length > 0
  }
}
