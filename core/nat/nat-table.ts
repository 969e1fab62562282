import { compareAddresses, formatAddress, type AddressBytes } from '../net/ip-address.ts'
import { TCP, UDP, type PacketView } from '../net/packet-view.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import type { FlowStates } from './flow-states.ts'

/** A full table costs some 700 bytes an entry, or 900 where each has a real address of its own. */
const MOST_ENTRIES = 16_384
/** A full table is looked through for what is over no more often than this: else each packet that it has no room for would cost that. */
const SWEEP_MS = SECOND
/** How many ports are tried when the wanted one is taken; bounds the work that one packet can cause. */
const MOST_PORTS_TRIED = 256

/** A flow of a client: what it sees inside the tunnel, and what the network sees. What its packets change stands in `FlowStates`. */
export interface NatEntry<Tag> {
  /** Of the flow in `FlowStates`. */
  readonly row: number
  /** IP protocol number: TCP, UDP, ICMP or ICMPv6. */
  readonly protocol: number
  /** The client's port, or its echo identifier, and the address that it wrote to. */
  readonly insidePort: number
  readonly insideAddress: AddressBytes
  readonly outsidePort: number
  readonly outsideAddress: AddressBytes
  /** What the owner knows about the flow. */
  readonly tag: Tag
  /** By what the owner may ask for it; changed by `regroup` alone. */
  group: string
}

export type NatRefusal = 'nat-table-full' | 'nat-ports-exhausted'

/**
 * The translations of one client (wire §5): (protocol, port or echo identifier, proxy address) <-> (protocol, port or identifier,
 * real address). Both sides are unique, so two names on one real address used from one source port are told apart by the port that
 * the network sees. The owner decides who may pass; the table only remembers and forgets.
 */
export class NatTable<Tag> {
  readonly #inside = new Map<string, NatEntry<Tag>>()
  /** By real address, and by protocol and port: a search for a free port is to cost no text for each that it tries. */
  readonly #outside = new Map<string, Map<number, NatEntry<Tag>>>()
  readonly #groups = new Map<string, Set<NatEntry<Tag>>>()
  readonly #states: FlowStates<NatEntry<Tag>>
  readonly #owner: number
  readonly #capacity: number
  #sweptAt: Instant | undefined

  /** `states` may be shared with the tables of other clients, which have other numbers as `owner`. */
  constructor({
    states,
    owner,
    capacity = MOST_ENTRIES,
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

  /** The live flow that the client knows under this port and address. */
  fromInside(protocol: number, port: number, address: AddressBytes, now: Instant): NatEntry<Tag> | undefined {
    return this.#alive(this.#inside.get(keyOf(protocol, port, address)), now)
  }

  /** The live flow that the network knows under this port and address. */
  fromOutside(protocol: number, port: number, address: AddressBytes, now: Instant): NatEntry<Tag> | undefined {
    return this.#alive(this.#outside.get(formatAddress(address))?.get(outsideKeyOf(protocol, port)), now)
  }

  /** A new flow, which replaces one of the same inside. The same port outside if that is free, else the next. */
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
    this.#states.describe(entry.row, entry)
    this.#inside.set(insideKey, entry)
    const there = this.#outside.get(address)
    const outsideKey = outsideKeyOf(protocol, outsidePort)
    if (there === undefined) this.#outside.set(address, new Map([[outsideKey, entry]]))
    else there.set(outsideKey, entry)
    this.#join(entry)
    return entry
  }

  /** Nothing where it was removed before. */
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

  /** Forgets what is over. */
  sweep(now: Instant): void {
    this.#sweptAt = now
    for (const entry of this.#inside.values()) if (this.#states.isOver(entry.row, now)) this.remove(entry)
  }

  clear(): void {
    for (const entry of this.#inside.values()) this.remove(entry)
  }

  /** The flows of a group, as they are now. */
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
    // Echo identifiers may be 0, ports may not.
    const lowest = hasPorts(protocol) ? 1 : 0
    let port = wanted
    for (let tried = 0; tried < MOST_PORTS_TRIED; tried++) {
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

/** Whether a packet towards the site is of a kind that has entries here. Client and gateway must agree about that (T5). */
export const isTranslated = ({ kind }: Pick<PacketView, 'kind'>): boolean =>
  kind === 'tcp' || kind === 'udp' || kind === 'echoRequest'

const hasPorts = (protocol: number): boolean => protocol === TCP || protocol === UDP

const outsideKeyOf = (protocol: number, port: number): number => (protocol << 16) | port

const keyOf = (protocol: number, port: number, address: AddressBytes): string =>
  `${protocol} ${port} ${formatAddress(address)}`
