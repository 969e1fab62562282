import type { PeerId } from '../../contract/tunnel-transport.ts'
import { matchPattern } from '../../dns/pattern.ts'
import type { FlowStates } from '../../nat/flow-states.ts'
import { isTranslated, NatTable, type NatEntry, type NatRefusal } from '../../nat/nat-table.ts'
import { formatAddress, isAddressAt, parseAddress, type AddressBytes } from '../../net/ip-address.ts'
import type { PacketView } from '../../net/packet-view.ts'
import { firstPermitting, type PortFilters } from '../../net/port-filter.ts'
import { isInRange } from '../../net/reserved-range.ts'
import type { Instant } from '../../runtime/time.ts'
import { TokenBucket } from '../../runtime/token-bucket.ts'
import type { FlowResource } from '../flow-resource.ts'
import { compareEntries, resourceEntry } from '../resource-entry.ts'
import { HeldGrants, type Grant } from './held-grants.ts'
import type { KnownRanges } from './known-ranges.ts'
import type { MachineAddresses } from './machine-addresses.ts'
import { NameAssignments, type AssignmentRequest } from './name-assignments.ts'

/**
 * A translated flow. `group` is the id of the resource that permits it; `tag` is the name that it goes to, undefined if
 * it goes to an address.
 */
export type FlowEntry = NatEntry<string | undefined>

/**
 * A permitted flow: with a translation, or `portless`, of a protocol without ports, whose packets are not translated.
 */
export type GatewayFlow = FlowEntry | 'portless'

/** Decision on a packet from a client, and how to answer a denied one. */
export type OutboundVerdict =
  | { verdict: 'pass'; flow: GatewayFlow }
  /** The packet is answered with ICMP "administratively prohibited". */
  | { verdict: 'prohibited'; reason: 'no-grant' | 'port-refused' | 'protocol-refused' }
  /** The packet is answered with ICMP "host unreachable". */
  | { verdict: 'unreachable'; reason: 'not-internet' | 'no-record' }
  | { verdict: 'drop'; reason: NatRefusal | 'nat-protocol' }

/** A grant that covers a destination of a client. */
interface CoveringGrant {
  grant: Grant
  filters: PortFilters
  domain: string | undefined
  /** Real address; undefined if the name has none of this family. */
  outsideAddress: AddressBytes | undefined
}

export interface GatewayPeerOptions {
  id: PeerId
  /** Number of the peer, which owns its flows in `states`. */
  number: number
  ipv4: AddressBytes
  ipv6: AddressBytes
  machine: MachineAddresses
  ranges: Pick<KnownRanges, 'mapped'>
  states: FlowStates<FlowEntry>
}

/** State of one client at the gateway: addresses, grants, names and flows. Denies every packet that no grant covers. */
export class GatewayPeer {
  readonly id: PeerId
  /** Number of this peer in `PeerNumbers`, held until the peer is removed. */
  readonly number: number
  readonly ipv4: AddressBytes
  readonly ipv6: AddressBytes
  /** Rate limit for ICMP errors to this client. */
  readonly errorLimit = new TokenBucket({ perSecond: 100, burst: 100 })
  /** Rate limit for control frames from this client. */
  readonly frameLimit = new TokenBucket({ perSecond: 100, burst: 500 })
  readonly #machine: MachineAddresses
  readonly #ranges: Pick<KnownRanges, 'mapped'>
  readonly #states: FlowStates<FlowEntry>
  #grants: HeldGrants
  // Thousands of peers may be idle, so state that only packets need is created with the first one.
  #flows: NatTable<string | undefined> | undefined
  #names: NameAssignments | undefined

  constructor({ id, number, ipv4, ipv6, machine, ranges, states }: GatewayPeerOptions) {
    this.id = id
    this.number = number
    this.ipv4 = ipv4
    this.ipv6 = ipv6
    this.#machine = machine
    this.#ranges = ranges
    this.#states = states
    this.#grants = new HeldGrants(machine)
  }

  get grantCount(): number {
    return this.#grants.size
  }

  get flowCount(): number {
    return this.#flows?.size ?? 0
  }

  /** Invalidates the cached verdicts on all flows of this client. */
  endEra(): void {
    this.#states.endEra(this.number)
  }

  /** Returns all grants of this client, in a new array. */
  grants(): Grant[] {
    return this.#grants.all()
  }

  /** Whether the address at `offset` is one of the client's own. */
  owns(bytes: Uint8Array, offset: number, addressLength: 4 | 16): boolean {
    return isAddressAt(addressLength === 4 ? this.ipv4 : this.ipv6, bytes, offset)
  }

  /** Adds a grant. Returns it, and the one for the same resource that it has replaced. */
  grant(resource: FlowResource, expiresAt: Instant | undefined): { grant: Grant; replaced: Grant | undefined } {
    const grant: Grant = { ...resourceEntry(resource), peer: this.id, expiresAt }
    const replaced = this.#grants.put(grant)
    this.endEra()
    const before = replaced?.resource
    // If the resource's address has changed, its old names and flows are not covered any more.
    if (before !== undefined && (before.address !== resource.address || before.type !== resource.type)) {
      this.#forget(resource.id)
    }
    return { grant, replaced }
  }

  /**
   * Removes a grant, its names, and the flows that no other grant covers. Returns the grant; undefined if there was
   * none.
   */
  withdraw(resourceId: string): Grant | undefined {
    const grant = this.#grants.remove(resourceId)
    if (grant === undefined) return undefined
    this.endEra()
    this.#forget(resourceId)
    return grant
  }

  /** Replaces the filters in the grant of a resource; returns undefined if there is no such grant. */
  refilter(resource: FlowResource): ReturnType<GatewayPeer['grant']> | undefined {
    const held = this.#grants.get(resource.id)
    if (held === undefined) return undefined
    return this.grant({ ...held.resource, filters: resource.filters }, held.expiresAt)
  }

  /** Ends flows of the Internet resource to addresses that now belong to the gateway's machine. */
  machineChanged(): void {
    this.endEra()
    for (const { resource } of this.#grants.internet) this.#regroup(resource.id)
  }

  /** Removes all grants, flows and names of this client. */
  end(): void {
    this.#grants = new HeldGrants(this.#machine)
    this.#flows?.clear()
    this.#flows = undefined
    this.#names = undefined
    this.endEra()
  }

  /** Removes flows that are over. */
  sweep(now: Instant): void {
    this.#flows?.sweep(now)
  }

  /** Returns why a client may not assign these mapped addresses to a name of a resource; undefined if it may. */
  assignmentProblem(
    resourceId: string,
    domain: string,
    mappedIps: readonly string[],
  ): 'assignment-not-granted' | 'assignment-proxies' | undefined {
    const resource = this.#grants.get(resourceId)?.resource
    if (resource?.type !== 'dns' || !matchPattern(resource.address, domain)) return 'assignment-not-granted'
    for (const mapped of mappedIps) {
      const bytes = parseAddress(mapped)
      if (bytes === undefined || !isInRange(this.#ranges.mapped, bytes)) return 'assignment-proxies'
    }
    return undefined
  }

  /** Whether the client has a grant for a resource with this normalized name. */
  holdsName(name: string): boolean {
    return this.#grants.coversName(name)
  }

  assign(request: AssignmentRequest): void {
    this.#names ??= new NameAssignments((one, other) => this.#compare(one, other))
    this.#names.assign(request)
    this.endEra()
  }

  /** Whether a normalized name of a resource has addresses. */
  isAssigned(resourceId: string, domain: string): boolean {
    return this.#names?.has(resourceId, domain) === true
  }

  /**
   * Decides on a packet from the client, whose source address has been checked, and opens a flow if it is permitted.
   * Slow path.
   */
  outbound(packet: PacketView, now: Instant): OutboundVerdict {
    const { protocol, destinationPort } = packet
    const destination = packet.destination()
    const translated = isTranslated(packet)
    const known = translated ? this.#flows?.fromInside(protocol, packet.sourcePort, destination, now) : undefined
    if (
      known !== undefined &&
      !this.#states.reopens(known.row, packet.tcpFlags) &&
      this.#permits(known, destinationPort)
    ) {
      return { verdict: 'pass', flow: known }
    }
    const permitted = firstPermitting(this.#covering(destination), protocol, destinationPort)
    if (permitted.verdict !== 'permitted') {
      if (permitted.verdict !== 'no-entry') return { verdict: 'prohibited', reason: permitted.verdict }
      return !this.#grants.holdsInternet || isInRange(this.#ranges.mapped, destination)
        ? { verdict: 'prohibited', reason: 'no-grant' }
        : { verdict: 'unreachable', reason: 'not-internet' }
    }
    const { grant, domain, outsideAddress } = permitted.entry
    if (outsideAddress === undefined) return { verdict: 'unreachable', reason: 'no-record' }
    if (!translated) {
      return domain === undefined ? { verdict: 'pass', flow: 'portless' } : { verdict: 'drop', reason: 'nat-protocol' }
    }
    this.#flows ??= new NatTable({ states: this.#states, owner: this.number })
    const entry = this.#flows.open(
      {
        protocol,
        insidePort: packet.sourcePort,
        insideAddress: destination,
        outsideAddress,
        tag: domain,
        group: grant.resource.id,
      },
      now,
    )
    return typeof entry === 'string' ? { verdict: 'drop', reason: entry } : { verdict: 'pass', flow: entry }
  }

  /** Finds the permitted flow that a packet from the network answers; undefined if there is none. Slow path. */
  inbound(packet: PacketView, now: Instant): GatewayFlow | undefined {
    const { protocol, kind } = packet
    if (kind === 'tcp' || kind === 'udp' || kind === 'echoReply') {
      return this.answered(
        protocol,
        { port: packet.destinationPort, address: packet.source(), remotePort: packet.sourcePort },
        now,
      )
    }
    if (kind === 'echoRequest') return undefined
    // Protocols without ports have no flows: packets may come from all addresses that the client may send to.
    return this.mayReach(packet.source(), protocol) ? 'portless' : undefined
  }

  /** Finds the live flow by its own port, remote address and remote port in the network, if a grant still covers it. */
  answered(
    protocol: number,
    { port, address, remotePort }: { port: number; address: AddressBytes; remotePort: number },
    now: Instant,
  ): FlowEntry | undefined {
    const entry = this.#flows?.fromOutside(protocol, port, address, now)
    return entry !== undefined && this.#permits(entry, remotePort) ? entry : undefined
  }

  /** Whether the client may send packets of a protocol without ports to an address. */
  mayReach(address: AddressBytes, protocol: number): boolean {
    if (isInRange(this.#ranges.mapped, address)) return false
    return firstPermitting(this.#covering(address), protocol, 0).verdict === 'permitted'
  }

  /** Returns the grants that cover an address, most specific first. */
  #covering(address: AddressBytes): CoveringGrant[] {
    if (isInRange(this.#ranges.mapped, address)) {
      const mapped = formatAddress(address)
      const found: CoveringGrant[] = []
      for (const { resourceId, domain, real } of this.#names?.at(mapped) ?? []) {
        const grant = this.#grants.get(resourceId)
        if (grant !== undefined) found.push({ grant, filters: grant.filters, domain, outsideAddress: real.get(mapped) })
      }
      return found
    }
    const grants = this.#grants.covering(address)
    return grants.map((grant) => ({ grant, filters: grant.filters, domain: undefined, outsideAddress: address }))
  }

  /**
   * Whether a flow is still permitted, by its own grant or by another one for the same name or address, to which it is
   * then moved.
   */
  #permits(entry: FlowEntry, remotePort: number): boolean {
    const { protocol, tag, group } = entry
    if (this.#grants.get(group)?.filters.verdict(protocol, remotePort) === 'permitted') return true
    const same = this.#covering(entry.insideAddress).filter(({ domain }) => domain === tag)
    const permitted = firstPermitting(same, protocol, remotePort)
    if (permitted.verdict !== 'permitted') return false
    this.#flows?.regroup(entry, permitted.entry.grant.resource.id)
    return true
  }

  #forget(resourceId: string): void {
    this.#names?.forget(resourceId)
    this.#regroup(resourceId)
  }

  /** Moves the flows of a resource to other grants that cover them, and removes those that no grant covers. */
  #regroup(resourceId: string): void {
    for (const entry of this.#flows?.inGroup(resourceId) ?? []) {
      const other = this.#covering(entry.insideAddress).find(({ domain }) => domain === entry.tag)
      if (other === undefined) this.#flows?.remove(entry)
      else this.#flows?.regroup(entry, other.grant.resource.id)
    }
  }

  #compare(resourceId: string, other: string): number {
    const [left, right] = [this.#grants.get(resourceId), this.#grants.get(other)]
    return left === undefined || right === undefined ? 0 : compareEntries(left, right)
  }
}
