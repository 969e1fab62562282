import { compareAddresses, formatAddress, type AddressBytes } from '../net/ip-address.ts'
import { ACK, FIN, RST, SYN, TCP, UDP } from '../net/packet-view.ts'
import { after, MINUTE, SECOND, type Instant } from '../runtime/time.ts'

/** RFC 5382 REQ-5: an established TCP connection is kept for at least 2 hours and 4 minutes. */
export const TCP_TTL = 2 * 60 * MINUTE + 4 * MINUTE
/** RFC 4787 REQ-5: a UDP mapping is kept for at least 2 minutes. */
export const UDP_TTL = 2 * MINUTE
/** RFC 5508 REQ-2: an ICMP query is kept for at least 60 seconds; as long as UDP here (protocol.md §5). */
export const ICMP_TTL = 2 * MINUTE
/** Nobody has answered yet: what floods a table is let go soon. RFC 7857 §2 permits less than the 4 minutes of RFC 5382 for SYNs. */
export const UNCONFIRMED_TTL = 60 * SECOND
/** Both sides sent FIN: long enough for the last acknowledgements, short enough for a client that takes the port again. */
export const CLOSED_TTL = 5 * SECOND
/** A full table costs some 700 bytes an entry, or 900 where each has a real address of its own. */
const MOST_ENTRIES = 16_384
/** A full table is looked through for what is over no more often than this: else each packet that it has no room for would cost that. */
const SWEEP_MS = SECOND
/** How many ports are tried when the wanted one is taken; bounds the work that one packet can cause. */
const MOST_PORTS_TRIED = 256

/** A flow of a client: what it sees inside the tunnel, and what the network sees. */
export interface NatEntry<Tag> {
  /** IP protocol number: TCP, UDP, ICMP or ICMPv6. */
  readonly protocol: number
  /** The client's port, or its echo identifier, and the address that it wrote to. */
  readonly insidePort: number
  readonly insideAddress: AddressBytes
  readonly outsidePort: number
  readonly outsideAddress: AddressBytes
  /** Address and port are the same on both sides: its packets pass as they are. */
  readonly isPlain: boolean
  /** What the owner knows about the flow. */
  readonly tag: Tag
  /** By what the owner may ask for it; changed by `regroup` alone. */
  group: string
  /** Over at this moment, unless a packet passes before. */
  expiresAt: Instant
  state: 'unconfirmed' | 'confirmed' | 'closing' | 'over'
  finFromInside: boolean
  finFromOutside: boolean
}

export type NatRefusal = 'nat-table-full' | 'nat-ports-exhausted'

/**
 * The translations of one client (protocol.md §5): (protocol, port or echo identifier, proxy address) <-> (protocol, port or identifier,
 * real address). Both sides are unique, so two names on one real address used from one source port are told apart by the port that
 * the network sees. The owner decides who may pass; the table only remembers and forgets.
 */
export class NatTable<Tag> {
  readonly #inside = new Map<string, NatEntry<Tag>>()
  /** By real address, and by protocol and port: a search for a free port is to cost no text for each that it tries. */
  readonly #outside = new Map<string, Map<number, NatEntry<Tag>>>()
  readonly #groups = new Map<string, Set<NatEntry<Tag>>>()
  readonly #capacity: number
  #sweptAt: Instant | undefined

  constructor({ capacity = MOST_ENTRIES }: { capacity?: number } = {}) {
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
    const entry: NatEntry<Tag> = {
      // First what every packet needs: that is one line of the processor's cache.
      state: 'unconfirmed',
      expiresAt: after(now, UNCONFIRMED_TTL),
      isPlain: outsidePort === insidePort && compareAddresses(insideAddress, outsideAddress) === 0,
      protocol,
      insidePort,
      outsidePort,
      insideAddress: new Uint8Array(insideAddress),
      outsideAddress: new Uint8Array(outsideAddress),
      finFromInside: false,
      finFromOutside: false,
      tag,
      group,
    }
    this.#inside.set(insideKey, entry)
    const there = this.#outside.get(address)
    const outsideKey = outsideKeyOf(protocol, outsidePort)
    if (there === undefined) this.#outside.set(address, new Map([[outsideKey, entry]]))
    else there.set(outsideKey, entry)
    this.#join(entry)
    return entry
  }

  remove(entry: NatEntry<Tag>): void {
    entry.state = 'over'
    const insideKey = keyOf(entry.protocol, entry.insidePort, entry.insideAddress)
    if (this.#inside.get(insideKey) === entry) this.#inside.delete(insideKey)
    const address = formatAddress(entry.outsideAddress)
    const there = this.#outside.get(address)
    const outsideKey = outsideKeyOf(entry.protocol, entry.outsidePort)
    if (there?.get(outsideKey) === entry) there.delete(outsideKey)
    if (there?.size === 0) this.#outside.delete(address)
    this.#leave(entry)
  }

  /** Forgets what is over. */
  sweep(now: Instant): void {
    this.#sweptAt = now
    for (const entry of this.#inside.values()) if (isOver(entry, now)) this.remove(entry)
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
    if (entry === undefined || !isOver(entry, now)) return entry
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

export const isOver = ({ state, expiresAt }: NatEntry<unknown>, now: Instant): boolean =>
  state === 'over' || expiresAt <= now

/** Whether the client begins a new connection with this packet although the old one on the same port is not forgotten yet. */
export const reopens = ({ protocol, state }: NatEntry<unknown>, tcpFlags: number): boolean =>
  protocol === TCP && state === 'closing' && (tcpFlags & (SYN | ACK)) === SYN

/** Notes that a packet of the flow passed. A reset ends it: the caller passes this one packet on and no other. */
export const notePacket = (
  entry: NatEntry<unknown>,
  { from, tcpFlags, now }: { from: 'inside' | 'outside'; tcpFlags: number; now: Instant },
): void => {
  if (from === 'outside' && entry.state === 'unconfirmed') entry.state = 'confirmed'
  if (entry.protocol === TCP && (tcpFlags & (FIN | RST)) !== 0) noteEnd(entry, from, tcpFlags)
  if (entry.state === 'over') return
  if (entry.state === 'closing') {
    // Not extended by what follows the second FIN.
    if (entry.expiresAt > after(now, CLOSED_TTL)) entry.expiresAt = after(now, CLOSED_TTL)
    return
  }
  entry.expiresAt = after(now, entry.state === 'unconfirmed' ? UNCONFIRMED_TTL : confirmedTtl(entry.protocol))
}

const noteEnd = (entry: NatEntry<unknown>, from: 'inside' | 'outside', tcpFlags: number): void => {
  if ((tcpFlags & RST) !== 0) {
    entry.state = 'over'
    return
  }
  if (from === 'inside') entry.finFromInside = true
  else entry.finFromOutside = true
  if (entry.finFromInside && entry.finFromOutside) entry.state = 'closing'
}

const confirmedTtl = (protocol: number): number => (protocol === TCP ? TCP_TTL : protocol === UDP ? UDP_TTL : ICMP_TTL)

const hasPorts = (protocol: number): boolean => protocol === TCP || protocol === UDP

const outsideKeyOf = (protocol: number, port: number): number => (protocol << 16) | port

const keyOf = (protocol: number, port: number, address: AddressBytes): string =>
  `${protocol} ${port} ${formatAddress(address)}`
