import type { PeerId } from '../../contract/tunnel-transport.ts'
import type { FlowStates } from '../../nat/flow-states.ts'
import { formatAddress, isAddressAt, parseAddress } from '../../net/ip-address.ts'
import { DeadlineQueue } from '../../runtime/deadline-queue.ts'
import { earliest, type Deadline } from '../../runtime/machine.ts'
import { MIN_MTU } from '../../runtime/mtu.ts'
import { after, MINUTE, type Instant } from '../../runtime/time.ts'
import type { FlowResource } from '../flow-resource.ts'
import type { PeerNumbers } from '../peer-numbers.ts'
import { GatewayPeer, type FlowEntry } from './gateway-peer.ts'
import type { Grant } from './held-grants.ts'
import { KnownRanges } from './known-ranges.ts'
import { MachineAddresses } from './machine-addresses.ts'

/** Interval at which flows that are over are removed. */
const SWEEP_INTERVAL_MS = MINUTE

/**
 * Clients of a gateway, and the expiries of their grants and flows. There may be ten thousand, so no operation on one
 * client iterates over all.
 */
export class GatewayPeers {
  /** Ranges of tunnels. */
  readonly ranges = new KnownRanges()
  readonly #machine = new MachineAddresses()
  readonly #numbers: PeerNumbers
  readonly #states: FlowStates<FlowEntry>
  readonly #byId = new Map<PeerId, GatewayPeer>()
  /** Clients by canonical tunnel address. */
  readonly #byAddress = new Map<string, GatewayPeer>()
  readonly #expiries = new DeadlineQueue<Grant>()
  readonly #sweeps = new DeadlineQueue<GatewayPeer>()

  /** Path MTU in bytes by peer number. An array, as every packet needs it. */
  #mtus = new Uint16Array(0)

  constructor(numbers: PeerNumbers, states: FlowStates<FlowEntry>) {
    this.#numbers = numbers
    this.#states = states
  }

  get(id: PeerId): GatewayPeer | undefined {
    return this.#byId.get(id)
  }

  /** Returns the client with this canonical tunnel address. */
  at(address: string): GatewayPeer | undefined {
    return this.#byAddress.get(address)
  }

  all(): IterableIterator<GatewayPeer> {
    return this.#byId.values()
  }

  /**
   * Adds a client. A known one keeps its state if its addresses are the same, and starts again otherwise. Returns false
   * for malformed addresses.
   */
  add({ peer: id, ipv4, ipv6 }: { peer: PeerId; ipv4: string; ipv6: string }): boolean {
    const own = { ipv4: parseAddress(ipv4), ipv6: parseAddress(ipv6) }
    if (own.ipv4?.length !== 4 || own.ipv6?.length !== 16) return false
    const held = this.#byId.get(id)
    if (held !== undefined) {
      if (isAddressAt(held.ipv4, own.ipv4, 0) && isAddressAt(held.ipv6, own.ipv6, 0)) return true
      this.remove(id)
    }
    const added = new GatewayPeer({
      id,
      number: this.#numbers.hold(id),
      ipv4: own.ipv4,
      ipv6: own.ipv6,
      machine: this.#machine,
      ranges: this.ranges,
      states: this.#states,
    })
    this.#byId.set(id, added)
    this.setMtu(id, MIN_MTU)
    for (const address of addressesOf(added)) {
      // Packets to this address belong to the new client, so verdicts of the old one are invalid.
      this.#byAddress.get(address)?.endEra()
      this.#byAddress.set(address, added)
    }
    return true
  }

  /** Removes a client. Returns whether it was known. */
  remove(id: PeerId): boolean {
    const peer = this.#byId.get(id)
    if (peer === undefined) return false
    this.#byId.delete(id)
    for (const address of addressesOf(peer)) if (this.at(address) === peer) this.#byAddress.delete(address)
    for (const grant of peer.grants()) this.#expiries.set(grant, undefined)
    this.#sweeps.set(peer, undefined)
    peer.end()
    this.#numbers.release(peer.number)
    return true
  }

  /** Returns the path MTU in bytes by peer number. */
  mtuOf(number: number): number {
    return this.#mtus[number] ?? MIN_MTU
  }

  setMtu(id: PeerId, mtu: number): void {
    const number = this.#byId.get(id)?.number
    if (number === undefined) return
    if (number >= this.#mtus.length) {
      const before = this.#mtus
      this.#mtus = new Uint16Array(Math.max(2 * before.length, number + 64))
      this.#mtus.set(before)
    }
    this.#mtus[number] = mtu
  }

  /** Adds a grant of a client, or replaces the one that it has. */
  grant(peer: GatewayPeer, resource: FlowResource, expiresAt: Instant | undefined): void {
    this.#note(peer.grant(resource, expiresAt))
  }

  setExpiry(grant: Grant, expiresAt: Instant | undefined): void {
    grant.expiresAt = expiresAt
    this.#note({ grant, replaced: undefined })
  }

  /** Replaces the filters of a resource in all grants. */
  refilter(resource: FlowResource): void {
    for (const peer of this.#byId.values()) {
      const changed = peer.refilter(resource)
      if (changed !== undefined) this.#note(changed)
    }
  }

  /** Sets the addresses (canonical) of the gateway's machine. */
  setMachineAddresses(addresses: readonly string[]): void {
    this.#machine.replace(addresses)
    for (const peer of this.#byId.values()) peer.machineChanged()
  }

  /** Removes a grant of a client. Returns whether there was one. */
  withdraw(peer: GatewayPeer, resourceId: string): boolean {
    const grant = peer.withdraw(resourceId)
    if (grant !== undefined) this.#expiries.set(grant, undefined)
    return grant !== undefined
  }

  /** Schedules a sweep for a client that has opened a flow. */
  openedFlow(peer: GatewayPeer, now: Instant): void {
    this.#sweeps.hasten(peer, { at: after(now, SWEEP_INTERVAL_MS), reason: 'nat sweep' })
  }

  /** Returns one grant that has expired and has to be removed by the caller; undefined if there is none. */
  takeExpired(now: Instant): Grant | undefined {
    return this.#expiries.takeDue(now)
  }

  /** Removes flows that are over, of clients whose sweep is due. */
  sweep(now: Instant): void {
    for (let peer = this.#sweeps.takeDue(now); peer !== undefined; peer = this.#sweeps.takeDue(now)) {
      peer.sweep(now)
      if (peer.flowCount > 0) this.openedFlow(peer, now)
    }
  }

  deadline(): Deadline | undefined {
    return earliest(this.#expiries.first(), this.#sweeps.first())
  }

  #note({ grant, replaced }: { grant: Grant; replaced: Grant | undefined }): void {
    if (replaced !== undefined) this.#expiries.set(replaced, undefined)
    const { expiresAt } = grant
    this.#expiries.set(grant, expiresAt === undefined ? undefined : { at: expiresAt, reason: 'grant expires' })
  }
}

const addressesOf = ({ ipv4, ipv6 }: GatewayPeer): string[] => [formatAddress(ipv4), formatAddress(ipv6)]
