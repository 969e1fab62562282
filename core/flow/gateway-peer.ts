import type { PeerId } from '../contract/tunnel-transport.ts'
import { matchPattern } from '../dns/pattern.ts'
import { firstPermitting, type PortFilters } from '../filter/port-filter.ts'
import { NatTable, reopens, type NatEntry, type NatRefusal } from '../nat/nat-table.ts'
import { compareAddresses, formatAddress, isAddressAt, parseAddress, type AddressBytes } from '../net/ip-address.ts'
import type { PacketView } from '../net/packet-view.ts'
import { PrefixTrie } from '../net/prefix-trie.ts'
import { isInRange, MAPPED_ADDRESSES, NOT_A_SERVER, NOT_INTERNET } from '../net/reserved-range.ts'
import type { Family } from '../runtime/endpoint.ts'
import type { Instant } from '../runtime/time.ts'
import type { FlowResource } from './flow-resource.ts'
import { RateBound } from './rate-bound.ts'
import { compareResources, resourceEntry, type ResourceEntry } from './resource-entry.ts'

/** Names that a client may have addresses for at once; the one that was assigned longest ago is forgotten first. */
export const MOST_DOMAINS = 4_096

/** A flow that may pass: of a peer, translated by an entry if its kind has one. */
export interface GatewayFlow {
  peer: GatewayPeer
  /** Absent for protocols without ports, which pass as they are. */
  entry: FlowEntry | undefined
}

export type FlowEntry = NatEntry<FlowTag>

interface FlowTag {
  resourceId: string
  /** Of a DNS resource. */
  domain: string | undefined
}

export type OutboundVerdict =
  | { verdict: 'pass'; flow: GatewayFlow }
  /** Answered with ICMP administratively-prohibited. */
  | { verdict: 'prohibited'; reason: 'no-grant' | 'port-refused' | 'protocol-refused' }
  /** Answered with ICMP host unreachable. */
  | { verdict: 'unreachable'; reason: 'not-internet' | 'no-record' }
  | { verdict: 'drop'; reason: NatRefusal | 'nat-protocol' }

interface Grant extends ResourceEntry {
  expiresAt: Instant | undefined
}

/** A name of a resource that the client has addresses for. */
interface Assignment {
  resourceId: string
  domain: string
  /** Of proxy addresses, to what they stand for; undefined where the family has no record. */
  real: ReadonlyMap<string, AddressBytes | undefined>
}

/** What covers an address that a client wrote to. */
interface Candidate {
  grant: Grant
  filters: PortFilters
  domain: string | undefined
  /** Absent where the name has no record of this family. */
  outsideAddress: AddressBytes | undefined
}

/** What the gateway knows of one client: its addresses, its grants, its names and its flows. Denies whatever no grant covers. */
export class GatewayPeer {
  readonly id: PeerId
  readonly ipv4: AddressBytes
  readonly ipv6: AddressBytes
  readonly nat = new NatTable<FlowTag>()
  /** ICMP errors that it causes. */
  readonly errors = new RateBound({ perSecond: 100, burst: 100 })
  /** Control frames that are looked at. */
  readonly frames = new RateBound({ perSecond: 100, burst: 500 })
  readonly #grants = new Map<string, Grant>()
  readonly #prefixes = new PrefixTrie<Grant>()
  #internet: Grant | undefined
  readonly #assignments = new Map<string, Assignment>()
  readonly #byProxy = new Map<string, Assignment[]>()

  constructor({ id, ipv4, ipv6 }: { id: PeerId; ipv4: AddressBytes; ipv6: AddressBytes }) {
    this.id = id
    this.ipv4 = ipv4
    this.ipv6 = ipv6
  }

  get grantCount(): number {
    return this.#grants.size
  }

  grants(): Iterable<[resourceId: string, expiresAt: Instant | undefined]> {
    return [...this.#grants].map(([id, { expiresAt }]) => [id, expiresAt])
  }

  has(resourceId: string): boolean {
    return this.#grants.has(resourceId)
  }

  /** Whether the packet at hand comes from one of the peer's own addresses. */
  owns(bytes: Uint8Array, offset: number, addressLength: 4 | 16): boolean {
    return isAddressAt(addressLength === 4 ? this.ipv4 : this.ipv6, bytes, offset)
  }

  grant(resource: FlowResource, expiresAt: Instant | undefined): void {
    const held = this.#grants.get(resource.id)
    this.#grants.set(resource.id, { ...resourceEntry(resource), expiresAt })
    this.#index()
    // Names and flows of another address of the resource are nothing that was granted.
    if (held !== undefined && (held.resource.address !== resource.address || held.resource.type !== resource.type)) {
      this.#forget(resource.id)
    }
  }

  setExpiry(resourceId: string, expiresAt: Instant | undefined): void {
    const grant = this.#grants.get(resourceId)
    if (grant !== undefined) grant.expiresAt = expiresAt
  }

  /** Takes over a resource's filters where it is held. */
  updateFilters(resource: FlowResource): boolean {
    const held = this.#grants.get(resource.id)
    if (held === undefined) return false
    const updated = { ...held.resource, filters: resource.filters }
    this.#grants.set(resource.id, { ...resourceEntry(updated), expiresAt: held.expiresAt })
    this.#index()
    return true
  }

  /** Withdraws a grant, its names, and the flows that no other grant covers; whether it was held. */
  revoke(resourceId: string): boolean {
    if (!this.#grants.delete(resourceId)) return false
    this.#index()
    this.#forget(resourceId)
    return true
  }

  /** Why the peer may not have addresses for a name of a resource; undefined if it may. */
  assignmentProblem(
    resourceId: string,
    domain: string,
    proxyIps: readonly string[],
  ): 'assignment-not-granted' | 'assignment-proxies' | undefined {
    const resource = this.#grants.get(resourceId)?.resource
    if (resource?.type !== 'dns' || !matchPattern(resource.address, domain)) return 'assignment-not-granted'
    for (const proxy of proxyIps) {
      const bytes = parseAddress(proxy)
      if (bytes === undefined || !isInRange(MAPPED_ADDRESSES, bytes)) return 'assignment-proxies'
    }
    return undefined
  }

  /** Whether a grant is of a resource that a normalized name belongs to. */
  holdsName(name: string): boolean {
    for (const { resource } of this.#grants.values()) {
      if (resource.type === 'dns' && matchPattern(resource.address, name)) return true
    }
    return false
  }

  /** Maps the sorted proxy addresses to the sorted real ones, cyclically by family. What must not be a server is left out. */
  assign({ resourceId, domain, proxyIps, realIps, unanswered }: AssignmentRequest): void {
    const key = assignmentKey(resourceId, domain)
    const before = this.#assignments.get(key)?.real
    const real = new Map<string, AddressBytes | undefined>()
    const servers = sortedAddresses(realIps).filter((address) => !isInRange(NOT_A_SERVER, address))
    for (const length of [4, 16]) {
      const targets = servers.filter((address) => address.length === length)
      const proxies = sortedAddresses(proxyIps).filter((address) => address.length === length)
      const isKnown = unanswered !== (length === 4 ? 'ipv4' : 'ipv6')
      for (const [at, proxy] of proxies.entries()) {
        const text = formatAddress(proxy)
        real.set(text, isKnown ? targets[at % targets.length] : before?.get(text))
      }
    }
    this.#unassign(key)
    this.#assignments.set(key, { resourceId, domain, real })
    const [oldest] = this.#assignments.keys()
    if (this.#assignments.size > MOST_DOMAINS && oldest !== undefined) this.#unassign(oldest)
    for (const proxy of real.keys()) this.#reindexProxy(proxy, this.#assignments.get(key))
  }

  isAssigned(resourceId: string, domain: string): boolean {
    return this.#assignments.has(assignmentKey(resourceId, domain))
  }

  /** The verdict on a packet from the client, whose source was checked; the slow path. Opens a flow where it passes. */
  outbound(packet: PacketView, now: Instant): OutboundVerdict {
    const { protocol, destinationPort } = packet
    const destination = packet.destination()
    const tracked = isTracked(packet)
    const known = tracked ? this.nat.fromInside(protocol, packet.sourcePort, destination, now) : undefined
    if (known !== undefined && !reopens(known, packet.tcpFlags) && this.#permits(known, destinationPort)) {
      return { verdict: 'pass', flow: { peer: this, entry: known } }
    }
    const permitted = firstPermitting(this.#candidates(destination), protocol, destinationPort)
    if (permitted.verdict !== 'permitted') {
      if (permitted.verdict !== 'no-entry') return { verdict: 'prohibited', reason: permitted.verdict }
      return this.#internet === undefined || isInRange(MAPPED_ADDRESSES, destination)
        ? { verdict: 'prohibited', reason: 'no-grant' }
        : { verdict: 'unreachable', reason: 'not-internet' }
    }
    const { grant, domain, outsideAddress } = permitted.entry
    if (outsideAddress === undefined) return { verdict: 'unreachable', reason: 'no-record' }
    if (!tracked) {
      return domain === undefined
        ? { verdict: 'pass', flow: { peer: this, entry: undefined } }
        : { verdict: 'drop', reason: 'nat-protocol' }
    }
    const entry = this.nat.open(
      {
        protocol,
        insidePort: packet.sourcePort,
        insideAddress: destination,
        outsideAddress,
        tag: { resourceId: grant.resource.id, domain },
      },
      now,
    )
    return typeof entry === 'string'
      ? { verdict: 'drop', reason: entry }
      : { verdict: 'pass', flow: { peer: this, entry } }
  }

  /** The flow that a packet from the network answers; the slow path. */
  inbound(packet: PacketView, now: Instant): GatewayFlow | undefined {
    const { protocol, kind } = packet
    if (kind === 'tcp' || kind === 'udp' || kind === 'echoReply') {
      const entry = this.answered(
        protocol,
        { port: packet.destinationPort, address: packet.source(), remotePort: packet.sourcePort },
        now,
      )
      return entry === undefined ? undefined : { peer: this, entry }
    }
    if (kind === 'echoRequest') return undefined
    // Without ports there is nothing to track: whom the client may write to may answer.
    return this.mayReach(packet.source(), protocol) ? { peer: this, entry: undefined } : undefined
  }

  /** The live flow that the network knows by these, if a grant still covers it. */
  answered(
    protocol: number,
    { port, address, remotePort }: { port: number; address: AddressBytes; remotePort: number },
    now: Instant,
  ): FlowEntry | undefined {
    const entry = this.nat.fromOutside(protocol, port, address, now)
    return entry !== undefined && this.#permits(entry, remotePort) ? entry : undefined
  }

  /** Whether a protocol without ports may go to an address as it is. */
  mayReach(address: AddressBytes, protocol: number): boolean {
    if (isInRange(MAPPED_ADDRESSES, address)) return false
    return firstPermitting(this.#candidates(address), protocol, 0).verdict === 'permitted'
  }

  /** What covers an address, the most specific first. */
  #candidates(address: AddressBytes): Candidate[] {
    if (isInRange(MAPPED_ADDRESSES, address)) {
      const proxy = formatAddress(address)
      const found: Candidate[] = []
      for (const { resourceId, domain, real } of this.#byProxy.get(proxy) ?? []) {
        const grant = this.#grants.get(resourceId)
        if (grant !== undefined) found.push({ grant, filters: grant.filters, domain, outsideAddress: real.get(proxy) })
      }
      return found
    }
    const grants = this.#prefixes.matches(address, 0, address.length)
    if (this.#internet !== undefined && !isInRange(NOT_INTERNET, address)) grants.push(this.#internet)
    return grants.map((grant) => ({ grant, filters: grant.filters, domain: undefined, outsideAddress: address }))
  }

  /** Whether a flow may go on, by its own grant or by another one for the same name or address, which then takes it over. */
  #permits(entry: FlowEntry, remotePort: number): boolean {
    const { protocol, tag } = entry
    if (this.#grants.get(tag.resourceId)?.filters.verdict(protocol, remotePort) === 'permitted') return true
    const same = this.#candidates(entry.insideAddress).filter(({ domain }) => domain === tag.domain)
    const permitted = firstPermitting(same, protocol, remotePort)
    if (permitted.verdict !== 'permitted') return false
    tag.resourceId = permitted.entry.grant.resource.id
    return true
  }

  #index(): void {
    this.#prefixes.clear()
    this.#internet = undefined
    for (const grant of [...this.#grants.values()].sort((a, b) => compareResources(a.resource, b.resource))) {
      if (grant.prefix !== undefined) this.#prefixes.add(grant.prefix, grant)
      else if (grant.resource.type === 'internet') this.#internet ??= grant
    }
  }

  #forget(resourceId: string): void {
    for (const [key, assignment] of this.#assignments) if (assignment.resourceId === resourceId) this.#unassign(key)
    for (const entry of this.nat.entries()) {
      if (entry.tag.resourceId !== resourceId) continue
      const other = this.#candidates(entry.insideAddress).find(({ domain }) => domain === entry.tag.domain)
      if (other === undefined) this.nat.remove(entry)
      else entry.tag.resourceId = other.grant.resource.id
    }
  }

  #unassign(key: string): void {
    const assignment = this.#assignments.get(key)
    if (assignment === undefined) return
    this.#assignments.delete(key)
    for (const proxy of assignment.real.keys()) this.#reindexProxy(proxy, undefined, assignment)
  }

  #reindexProxy(proxy: string, added: Assignment | undefined, removed?: Assignment): void {
    const assignments = (this.#byProxy.get(proxy) ?? []).filter(
      // A resource has one name per address: the one that was assigned last.
      (assignment) => assignment !== removed && assignment.resourceId !== added?.resourceId,
    )
    if (added !== undefined) assignments.push(added)
    if (assignments.length === 0) this.#byProxy.delete(proxy)
    else
      this.#byProxy.set(
        proxy,
        assignments.sort((a, b) => this.#compare(a.resourceId, b.resourceId)),
      )
  }

  #compare(a: string, b: string): number {
    const left = this.#grants.get(a)
    const right = this.#grants.get(b)
    return left === undefined || right === undefined ? 0 : compareResources(left.resource, right.resource)
  }
}

interface AssignmentRequest {
  resourceId: string
  domain: string
  /** Canonical texts. */
  proxyIps: readonly string[]
  realIps: readonly string[]
  /** The family that nobody answered for: it keeps what an earlier answer said. */
  unanswered?: Family | undefined
}

/** Whether a packet from a client is of a kind that has an entry in the table. */
const isTracked = ({ kind }: PacketView): boolean => kind === 'tcp' || kind === 'udp' || kind === 'echoRequest'

const assignmentKey = (resourceId: string, domain: string): string => `${resourceId} ${domain.toLowerCase()}`

const sortedAddresses = (texts: readonly string[]): AddressBytes[] =>
  texts
    .map(parseAddress)
    .filter((address) => address !== undefined)
    .sort(compareAddresses)
