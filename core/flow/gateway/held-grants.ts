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

export interface Grant extends ResourceEntry {
  /** Who holds it. */
  readonly peer: PeerId
  /** Absent: it never lapses. */
  expiresAt: Instant | undefined
}

/** The grants of one client, so ordered that a packet meets those that cover its address and no others. */
export class HeldGrants {
  readonly #machine: MachineAddresses
  readonly #grants = new Map<string, Grant>()
  readonly #prefixes = new PrefixTrie<Grant>(compareEntries)
  /** An account has one such resource; of several, the first in order counts. */
  #internet: Grant[] = []
  /** Made when it is asked for: few clients ask. */
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

  /** As they are now. */
  all(): Grant[] {
    return [...this.#grants.values()]
  }

  /** Adds a grant; gives back the one of the same resource that it takes the place of. */
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

  /** Of the Internet; as they are now. */
  get internet(): Grant[] {
    return [...this.#internet]
  }

  /** What covers an address that is not a mapped one, the most specific first. */
  covering(address: AddressBytes): Grant[] {
    const matches = this.#prefixes.matches(address, 0, address.length)
    const grants = matches.filter(({ prefix }) => prefix !== undefined && isGrantedBy(prefix, address))
    const [internet] = this.#internet
    // The gateway's machine is not out there, and its services are nobody's resource, unless a prefix says so.
    if (internet !== undefined && isOfInternet(address) && !this.#isMachine(address)) grants.push(internet)
    return grants
  }

  #isMachine(address: AddressBytes): boolean {
    return this.#machine.has(address) || embeddedIpv4(address).some((ipv4) => this.#machine.has(ipv4))
  }

  /** Whether a grant is of a resource that a normalized name belongs to. */
  coversName(name: string): boolean {
    const named = () => this.all().flatMap(({ resource }) => (resource.type === 'dns' ? [resource] : []))
    this.#names ??= new ResourceNames(named())
    return this.#names.match(name).length > 0
  }
}
