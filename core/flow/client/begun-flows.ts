import type { QuotedPacket } from '../../net/icmp-error.ts'
import { formatAddress } from '../../net/ip-address.ts'
import { ACK, SYN, type PacketView } from '../../net/packet-view.ts'
import type { Instant } from '../../runtime/time.ts'
import { FlowVerdicts } from '../flow-verdicts.ts'

/** Flows of one client at once; some 300 bytes each. */
const MAX_FLOWS = 65_536
/** A table with fewer flows is not looked through for what is over. */
const FIRST_SWEEP = 1_024

interface BegunFlow {
  readonly row: number
  readonly peer: number
  readonly key: string
}

/**
 * Flows that began on this machine, each with the gateway that it went to (T12). A gateway sends towards this client only what answers one of
 * them: the same protocol, address and ports, for as long as the flow lasts. What has no ports is told by protocol and address.
 */
export class BegunFlows {
  readonly #verdicts = new FlowVerdicts<BegunFlow>()
  /** By the number of the gateway, and by protocol, ports and address as this machine sees them. */
  readonly #byPeer = new Map<number, Map<string, BegunFlow>>()
  #size = 0
  #sweepAt = FIRST_SWEEP

  /** Number of the gateway that an outbound packet of a known flow goes to, which is noted; below 0 where it needs a decision. */
  passOut(packet: PacketView, now: Instant): number {
    const row = this.#verdicts.find(packet, 'inside', now)
    return row < 0 ? -1 : this.#note(packet, row, 'inside', now)
  }

  /** Whether a packet of a gateway answers a flow that is known, and is noted; the slow way is `isAnswer`. */
  passIn(packet: PacketView, peer: number, now: Instant): boolean {
    const row = this.#verdicts.find(packet, 'outside', now)
    if (row < 0 || this.#verdicts.states.ownerOf(row) !== peer) return false
    this.#note(packet, row, 'outside', now)
    return true
  }

  /** Notes a packet that goes to a gateway, as the beginning of a flow where it is of none. False where there is no room for one more. */
  begin(packet: PacketView, peer: number, now: Instant): boolean {
    const key = outboundKey(packet)
    if (key === undefined) return true
    const held = this.#alive(peer, key, now)
    if (held !== undefined && this.#verdicts.states.reopens(held.row, packet.tcpFlags)) this.#close(held)
    const flow = this.#byPeer.get(peer)?.get(key) ?? this.#open(packet, { peer, key }, now)
    if (flow === undefined) return false
    if (hasCachedVerdict(packet)) this.#verdicts.keep(packet, 'inside', flow)
    this.#note(packet, flow.row, 'inside', now)
    return true
  }

  /** Whether a gateway's packet answers a flow that went there, which lives; the packet is noted. */
  isAnswer(packet: PacketView, peer: number, now: Instant): boolean {
    const key = inboundKey(packet)
    const flow = key === undefined ? undefined : this.#alive(peer, key, now)
    if (flow === undefined) return false
    if (hasCachedVerdict(packet)) this.#verdicts.keep(packet, 'outside', flow)
    this.#note(packet, flow.row, 'outside', now)
    return true
  }

  /** Whether an ICMP error of a gateway is about a packet of a flow that went there. `bytes` are the error's. */
  isQuoted(bytes: Uint8Array, quoted: QuotedPacket, peer: number, now: Instant): boolean {
    const address = formatAddress(bytes, quoted.destinationAt, quoted.addressLength)
    if (quoted.kind === 'echoReply' || quoted.kind === 'icmpError') return false
    return this.#alive(peer, keyOf(quoted, quoted.sourcePort, quoted.destinationPort, address), now) !== undefined
  }

  /** Has the next packet of each flow decided anew; the flows go on. */
  forgetVerdicts(): void {
    this.#verdicts.forgetVerdicts()
  }

  /** Ends all flows of a gateway, before its number is another's. */
  endPeer(peer: number): void {
    for (const flow of this.#byPeer.get(peer)?.values() ?? []) this.#close(flow)
    this.#byPeer.delete(peer)
  }

  /** Ends all flows: this machine has other addresses. */
  endAll(): void {
    for (const peer of this.#byPeer.keys()) this.endPeer(peer)
  }

  #open(packet: PacketView, { peer, key }: { peer: number; key: string }, now: Instant): BegunFlow | undefined {
    if (this.#size >= this.#sweepAt) this.#sweep(now)
    if (this.#size >= MAX_FLOWS) return undefined
    const row = this.#verdicts.states.open({ owner: peer, protocol: packet.protocol, isPlain: true }, now)
    const flow: BegunFlow = { row, peer, key }
    const ofPeer = this.#byPeer.get(peer)
    if (ofPeer === undefined) this.#byPeer.set(peer, new Map([[key, flow]]))
    else ofPeer.set(key, flow)
    this.#size++
    return flow
  }

  #note({ tcpFlags }: PacketView, row: number, from: 'inside' | 'outside', now: Instant): number {
    this.#verdicts.states.note(row, { from, tcpFlags, now })
    return this.#verdicts.states.ownerOf(row)
  }

  #alive(peer: number, key: string, now: Instant): BegunFlow | undefined {
    const flow = this.#byPeer.get(peer)?.get(key)
    if (flow === undefined || !this.#verdicts.states.isOver(flow.row, now)) return flow
    this.#close(flow)
    return undefined
  }

  #close(flow: BegunFlow): void {
    this.#byPeer.get(flow.peer)?.delete(flow.key)
    this.#verdicts.states.close(flow.row)
    this.#size--
  }

  /** Costs each flow that begins the same, however many there are: the next time is at twice what is left. */
  #sweep(now: Instant): void {
    for (const flows of this.#byPeer.values()) {
      for (const flow of flows.values()) if (this.#verdicts.states.isOver(flow.row, now)) this.#close(flow)
    }
    this.#sweepAt = Math.min(MAX_FLOWS, Math.max(FIRST_SWEEP, this.#size * 2))
  }
}

/** Whether the caches of verdicts can tell a packet's flow. */
const hasCachedVerdict = ({ kind }: PacketView): boolean =>
  kind === 'tcp' || kind === 'udp' || kind === 'echoRequest' || kind === 'echoReply'

/** Undefined for what begins no flow: answers to pings, and errors. */
const outboundKey = (packet: PacketView): string | undefined =>
  packet.kind === 'echoReply' || packet.kind === 'icmpError'
    ? undefined
    : keyOf(packet, packet.sourcePort, packet.destinationPort, packet.destinationText())

/** Undefined for what never is an answer: what begins a connection, or a ping. */
const inboundKey = (packet: PacketView): string | undefined => {
  if (packet.kind === 'echoRequest' || (packet.tcpFlags & (SYN | ACK)) === SYN) return undefined
  return keyOf(packet, packet.destinationPort, packet.sourcePort, packet.sourceText())
}

const keyOf = (
  { protocol, kind }: Pick<PacketView, 'protocol' | 'kind'>,
  ownPort: number,
  otherPort: number,
  address: string,
): string =>
  kind === 'other' || kind === 'icmp' ? `${protocol} ${address}` : `${protocol} ${ownPort} ${otherPort} ${address}`
