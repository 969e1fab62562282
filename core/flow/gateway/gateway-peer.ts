import type { PeerId } from '../../contract/tunnel-transport.ts'
import { matchPattern } from '../../dns/pattern.ts'
import type { FlowStates } from '../../nat/flow-states.ts'
import { isTranslated, NatTable, type NatEntry, type NatRefusal } from '../../nat/nat-table.ts'
import { formatAddress, isAddressAt, parseAddress, type AddressBytes } from '../../net/ip-address.ts'
import type { PacketView } from '../../net/packet-view.ts'
import { firstPermitting, type PortFilters } from '../../net/port-filter.ts'
import { isInRange, MAPPED_ADDRESSES } from '../../net/reserved-range.ts'
import type { Instant } from '../../runtime/time.ts'
import { TokenBucket } from '../../runtime/token-bucket.ts'
import type { FlowResource } from '../flow-resource.ts'
import { compareEntries, resourceEntry } from '../resource-entry.ts'
import { HeldGrants, type Grant } from './held-grants.ts'
import type { MachineAddresses } from './machine-addresses.ts'
import { NameAssignments, type AssignmentRequest } from './name-assignments.ts'

/** Its group is the id of the resource that lets it pass, its tag the name that it goes to; undefined for an address. */
export type FlowEntry = NatEntry<string | undefined>

/** A flow that may pass: translated by an entry, or of a protocol without ports, whose packets pass as they are. */
export type GatewayFlow = FlowEntry | 'portless'

export type OutboundVerdict =
  | { verdict: 'pass'; flow: GatewayFlow }
  /** Answered with ICMP administratively-prohibited. */
  | { verdict: 'prohibited'; reason: 'no-grant' | 'port-refused' | 'protocol-refused' }
  /** Answered with ICMP host unreachable. */
  | { verdict: 'unreachable'; reason: 'not-internet' | 'no-record' }
  | { verdict: 'drop'; reason: NatRefusal | 'nat-protocol' }

/** What covers an address that a client wrote to. */
interface Candidate {
  grant: Grant
  filters: PortFilters
  domain: string | undefined
  /** Absent where the name has no record of this family. */
  outsideAddress: AddressBytes | undefined
}

export interface GatewayPeerOptions {
  id: PeerId
  /** By which `states` knows it, together with the flows of all other peers. */
  number: number
  ipv4: AddressBytes
  ipv6: AddressBytes
  machine: MachineAddresses
  states: FlowStates<FlowEntry>
}

/** What the gateway knows of one client: its addresses, its grants, its names and its flows. Denies whatever no grant covers. */
export class GatewayPeer {
  readonly id: PeerId
  /** Small, and no other peer's as long. */
  readonly number: number
  readonly ipv4: AddressBytes
  readonly ipv6: AddressBytes
  /** ICMP errors that it causes. */
  readonly errors = new TokenBucket({ perSecond: 100, burst: 100 })
  /** Control frames that are looked at. */
  readonly frames = new TokenBucket({ perSecond: 100, burst: 500 })
  readonly #machine: MachineAddresses
  readonly #states: FlowStates<FlowEntry>
  #grants: HeldGrants
  // Thousands of peers are there and say nothing: what only packets need is made with the first one.
  #flows: NatTable<string | undefined> | undefined
  #names: NameAssignments | undefined

  constructor({ id, number, ipv4, ipv6, machine, states }: GatewayPeerOptions) {
    this.id = id
    this.number = number
    this.ipv4 = ipv4
    this.ipv6 = ipv6
    this.#machine = machine
    this.#states = states
    this.#grants = new HeldGrants(machine)
  }

  get grantCount(): number {
    return this.#grants.size
  }

  get flowCount(): number {
    return this.#flows?.size ?? 0
  }

  /** All its flows are to be decided anew. */
  endEra(): void {
    this.#states.endEra(this.number)
  }

  /** As they are now. */
  grants(): Grant[] {
    return this.#grants.all()
  }

  /** Whether the packet at hand comes from one of the peer's own addresses. */
  owns(bytes: Uint8Array, offset: number, addressLength: 4 | 16): boolean {
    return isAddressAt(addressLength === 4 ? this.ipv4 : this.ipv6, bytes, offset)
  }

  /** Adds a grant; with the one of the same resource that it takes the place of. */
  grant(resource: FlowResource, expiresAt: Instant | undefined): { grant: Grant; replaced: Grant | undefined } {
    const grant: Grant = { ...resourceEntry(resource), peer: this.id, expiresAt }
    const replaced = this.#grants.put(grant)
    this.endEra()
    const before = replaced?.resource
    // Names and flows of another address of the resource are nothing that was granted.
    if (before !== undefined && (before.address !== resource.address || before.type !== resource.type)) {
      this.#forget(resource.id)
    }
    return { grant, replaced }
  }

  /** Withdraws a grant, its names, and the flows that no other grant covers; gives it back where it was held. */
  withdraw(resourceId: string): Grant | undefined {
    const grant = this.#grants.remove(resourceId)
    if (grant === undefined) return undefined
    this.endEra()
    this.#forget(resourceId)
    return grant
  }

  /** The grant of a resource with filters that changed, where it is held. */
  refilter(resource: FlowResource): ReturnType<GatewayPeer['grant']> | undefined {
    const held = this.#grants.get(resource.id)
    if (held === undefined) return undefined
    return this.grant({ ...held.resource, filters: resource.filters }, held.expiresAt)
  }

  /** The machine's addresses changed: a flow of the Internet to one of them is over. */
  machineChanged(): void {
    this.endEra()
    for (const { resource } of this.#grants.internet) this.#regroup(resource.id)
  }

  /** Nothing of it passes any more. */
  end(): void {
    this.#grants = new HeldGrants(this.#machine)
    this.#flows?.clear()
    this.#flows = undefined
    this.#names = undefined
    this.endEra()
  }

  /** Forgets the flows that are over. */
  sweep(now: Instant): void {
    this.#flows?.sweep(now)
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
    return this.#grants.coversName(name)
  }

  assign(request: AssignmentRequest): void {
    this.#names ??= new NameAssignments((one, other) => this.#compare(one, other))
    this.#names.assign(request)
    this.endEra()
  }

  /** Of a normalized name. */
  isAssigned(resourceId: string, domain: string): boolean {
    return this.#names?.has(resourceId, domain) === true
  }

  /** The verdict on a packet from the client, whose source was checked; the slow path. Opens a flow where it passes. */
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
    const permitted = firstPermitting(this.#candidates(destination), protocol, destinationPort)
    if (permitted.verdict !== 'permitted') {
      if (permitted.verdict !== 'no-entry') return { verdict: 'prohibited', reason: permitted.verdict }
      return !this.#grants.holdsInternet || isInRange(MAPPED_ADDRESSES, destination)
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

  /** The flow that a packet from the network answers; the slow path. */
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
    // Without ports there is nothing to track: whom the client may write to may answer.
    return this.mayReach(packet.source(), protocol) ? 'portless' : undefined
  }

  /** The live flow that the network knows by these, if a grant still covers it. */
  answered(
    protocol: number,
    { port, address, remotePort }: { port: number; address: AddressBytes; remotePort: number },
    now: Instant,
  ): FlowEntry | undefined {
    const entry = this.#flows?.fromOutside(protocol, port, address, now)
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
      for (const { resourceId, domain, real } of this.#names?.at(proxy) ?? []) {
        const grant = this.#grants.get(resourceId)
        if (grant !== undefined) found.push({ grant, filters: grant.filters, domain, outsideAddress: real.get(proxy) })
      }
      return found
    }
    const grants = this.#grants.covering(address)
    return grants.map((grant) => ({ grant, filters: grant.filters, domain: undefined, outsideAddress: address }))
  }

  /** Whether a flow may go on, by its own grant or by another one for the same name or address, which then takes it over. */
  #permits(entry: FlowEntry, remotePort: number): boolean {
    const { protocol, tag, group } = entry
    if (this.#grants.get(group)?.filters.verdict(protocol, remotePort) === 'permitted') return true
    const same = this.#candidates(entry.insideAddress).filter(({ domain }) => domain === tag)
    const permitted = firstPermitting(same, protocol, remotePort)
    if (permitted.verdict !== 'permitted') return false
    this.#flows?.regroup(entry, permitted.entry.grant.resource.id)
    return true
  }

  #forget(resourceId: string): void {
    this.#names?.forget(resourceId)
    this.#regroup(resourceId)
  }

  /** Ends the flows of a resource that no grant covers as things stand. */
  #regroup(resourceId: string): void {
    for (const entry of this.#flows?.inGroup(resourceId) ?? []) {
      const other = this.#candidates(entry.insideAddress).find(({ domain }) => domain === entry.tag)
      if (other === undefined) this.#flows?.remove(entry)
      else this.#flows?.regroup(entry, other.grant.resource.id)
    }
  }

  #compare(resourceId: string, other: string): number {
    const [left, right] = [this.#grants.get(resourceId), this.#grants.get(other)]
    return left === undefined || right === undefined ? 0 : compareEntries(left, right)
  }
}
