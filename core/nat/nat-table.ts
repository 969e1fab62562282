import { compareAddresses, formatAddress, type AddressBytes } from '../net/ip-address.ts'
import { TCP, UDP, type PacketView } from '../net/packet-view.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import type { FlowStates } from './flow-states.ts'

/** Most flows of one client. A flow takes some 700 bytes of memory, or 900 if it has a real address of its own. */
const MAX_ENTRIES = 16_384
/**
 * Shortest interval between sweeps of a full table, as otherwise each packet for which there is no room would cost a
 * sweep.
 */
const SWEEP_MS = SECOND
/** Most ports that are tried if the wanted one is taken; limits the work that one packet can cause. */
const MAX_PORTS_TRIED = 256

/** Translation of one flow of a client: its port and address inside the tunnel, and outside, in the site's network. */
export interface NatEntry<Tag> {
  /** Row of the flow in `FlowStates`, which has its mutable state. */
  readonly row: number
  /** IP protocol number: TCP, UDP, ICMP or ICMPv6. */
  readonly protocol: number
  /**
   * Source port of the client, or its ICMP echo identifier. `insideAddress` is the destination that the client uses.
   */
  readonly insidePort: number
  readonly insideAddress: AddressBytes
  readonly outsidePort: number
  readonly outsideAddress: AddressBytes
  /** Data of the table's owner about the flow. */
  readonly tag: Tag
  /** Key by which `inGroup` finds the flow. Change it only by `regroup`. */
  group: string
}

/** Reason why a flow cannot be opened. */
export type NatRefusal = 'nat-table-full' | 'nat-ports-exhausted'

/**
 * Network address translations of one client (wire §5): (protocol, port or echo identifier, mapped or real address)
 * inside <-> (protocol, port or identifier, real address) outside. Both sides are unique: two names with the same real
 * address, used from one source port, get different ports outside. The table does not decide which flows are permitted;
 * its owner does.
 */
export class NatTable<Tag> {
  readonly #inside = new Map<string, NatEntry<Tag>>()
  /** Flows by real address, then by protocol and port: searching a free port then needs no text key for each port. */
  readonly #outside = new Map<string, Map<number, NatEntry<Tag>>>()
  readonly #groups = new Map<string, Set<NatEntry<Tag>>>()
  readonly #states: FlowStates<NatEntry<Tag>>
  readonly #owner: number
  readonly #capacity: number
  #sweptAt: Instant | undefined

  /** `states` may be shared with tables of other clients, if each has its own number as `owner`. */
  constructor({
    states,
    owner,
    capacity = MAX_ENTRIES,
  }: {
    states: FlowStates<NatEntry<Tag>>
    owner: number
    capacity?: number
  }) {
    this.#states = states
    this.#owner = owner
    this.#capacity = capacity
  }

  get size(): number {
    return this.#inside.size
  }

  /** Finds the live flow by its port and address inside. */
  fromInside(protocol: number, port: number, address: AddressBytes, now: Instant): NatEntry<Tag> | undefined {
    return this.#alive(this.#inside.get(keyOf(protocol, port, address)), now)
  }

  /** Finds the live flow by its port and address outside. */
  fromOutside(protocol: number, port: number, address: AddressBytes, now: Instant): NatEntry<Tag> | undefined {
    return this.#alive(this.#outside.get(formatAddress(address))?.get(outsideKeyOf(protocol, port)), now)
  }

  /**
   * Opens a flow, replacing one with the same inside. Keeps the port outside if it is free, otherwise takes the next
   * free one.
   */
  open(
    { protocol, insidePort, insideAddress, outsideAddress, tag, group }: Opening<Tag>,
    now: Instant,
  ): NatEntry<Tag> | NatRefusal {
    const insideKey = keyOf(protocol, insidePort, insideAddress)
    const replaced = this.#inside.get(insideKey)
    if (replaced !== undefined) this.remove(replaced)
    if (this.#inside.size >= this.#capacity) {
      if (this.#sweptAt === undefined || now >= after(this.#sweptAt, SWEEP_MS)) this.sweep(now)
      if (this.#inside.size >= this.#capacity) return 'nat-table-full'
    }
    const address = formatAddress(outsideAddress)
    const outsidePort = this.#freePort(protocol, insidePort, address, now)
    if (outsidePort === undefined) return 'nat-ports-exhausted'
    const isPlain = outsidePort === insidePort && compareAddresses(insideAddress, outsideAddress) === 0
    const entry: NatEntry<Tag> = {
      row: this.#states.open({ owner: this.#owner, protocol, isPlain }, now),
      protocol,
      insidePort,
      outsidePort,
      insideAddress: new Uint8Array(insideAddress),
      outsideAddress: new Uint8Array(outsideAddress),
      tag,
      group,
    }
    this.#states.setFlow(entry.row, entry)
    this.#inside.set(insideKey, entry)
    const there = this.#outside.get(address)
    const outsideKey = outsideKeyOf(protocol, outsidePort)
    if (there === undefined) this.#outside.set(address, new Map([[outsideKey, entry]]))
    else there.set(outsideKey, entry)
    this.#join(entry)
    return entry
  }

  /** Removes a flow; does nothing if it was removed before. */
  remove(entry: NatEntry<Tag>): void {
    const insideKey = keyOf(entry.protocol, entry.insidePort, entry.insideAddress)
    if (this.#inside.get(insideKey) !== entry) return
    this.#inside.delete(insideKey)
    const address = formatAddress(entry.outsideAddress)
    const there = this.#outside.get(address)
    there?.delete(outsideKeyOf(entry.protocol, entry.outsidePort))
    if (there?.size === 0) this.#outside.delete(address)
    this.#leave(entry)
    this.#states.close(entry.row)
  }

  /** Removes all flows that are over. */
  sweep(now: Instant): void {
    this.#sweptAt = now
    for (const entry of this.#inside.values()) if (this.#states.isOver(entry.row, now)) this.remove(entry)
  }

  clear(): void {
    for (const entry of this.#inside.values()) this.remove(entry)
  }

  /** Returns the flows of a group, in a new array. */
  inGroup(group: string): NatEntry<Tag>[] {
    return [...(this.#groups.get(group) ?? [])]
  }

  /** Moves a flow of this table to another group. */
  regroup(entry: NatEntry<Tag>, group: string): void {
    if (entry.group === group) return
    this.#leave(entry)
    entry.group = group
    this.#join(entry)
  }

  #join(entry: NatEntry<Tag>): void {
    const flows = this.#groups.get(entry.group)
    if (flows === undefined) this.#groups.set(entry.group, new Set([entry]))
    else flows.add(entry)
  }

  #leave(entry: NatEntry<Tag>): void {
    const flows = this.#groups.get(entry.group)
    flows?.delete(entry)
    if (flows?.size === 0) this.#groups.delete(entry.group)
  }

  #alive(entry: NatEntry<Tag> | undefined, now: Instant): NatEntry<Tag> | undefined {
    if (entry === undefined || !this.#states.isOver(entry.row, now)) return entry
    this.remove(entry)
    return undefined
  }

  #freePort(protocol: number, wanted: number, address: string, now: Instant): number | undefined {
    const there = this.#outside.get(address)
    // An echo identifier may be 0, a port may not.
    const lowest = hasPorts(protocol) ? 1 : 0
    let port = wanted
    for (let tried = 0; tried < MAX_PORTS_TRIED; tried++) {
      if (this.#alive(there?.get(outsideKeyOf(protocol, port)), now) === undefined) return port
      port = port === 0xffff ? lowest : port + 1
    }
    return undefined
  }
}

interface Opening<Tag> {
  protocol: number
  insidePort: number
  insideAddress: AddressBytes
  outsideAddress: AddressBytes
  tag: Tag
  group: string
}

/**
 * Whether packets of this kind towards the site are translated by `NatTable`. Client and gateway must agree on it (T5).
 */
export const isTranslated = ({ kind }: Pick<PacketView, 'kind'>): boolean =>
  kind === 'tcp' || kind === 'udp' || kind === 'echoRequest'

const hasPorts = (protocol: number): boolean => protocol === TCP || protocol === UDP

const outsideKeyOf = (protocol: number, port: number): number => (protocol << 16) | port

const keyOf = (protocol: number, port: number, address: AddressBytes): string =>
  `${protocol} ${port} ${formatAddress(address)}`
