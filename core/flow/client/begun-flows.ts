import type { PeerId } from '../../contract/tunnel-transport.ts'
import type { QuotedPacket } from '../../net/icmp-error.ts'
import { formatAddress } from '../../net/ip-address.ts'
import { ACK, SYN, TCP, type PacketView } from '../../net/packet-view.ts'
import type { Instant } from '../../runtime/time.ts'
import { FlowVerdicts } from '../flow-verdicts.ts'
import type { PeerNumbers } from '../peer-numbers.ts'
import { UnansweredPackets, type UnansweredPacket } from './unanswered-packets.ts'

/** Most flows at a time; each takes some 300 bytes. */
const MAX_FLOWS = 65_536
/** Number of flows from which on the table is swept of those that are over. */
const FIRST_SWEEP = 1_024

interface BegunFlow {
  readonly row: number
  readonly peer: number
  readonly key: string
  /** Whether the gateway has answered. */
  isAnswered: boolean
}

/** TCP connection at a gateway, as this machine sees it. */
export interface OpenConnection {
  ownPort: number
  otherPort: number
  /** Address of the other end, canonical. */
  address: string
}

/**
 * Flows that were begun by this machine, each with the gateway that it goes to. A packet from a gateway is accepted
 * only if it answers such a flow of that gateway (T12): by protocol, address and ports, or by protocol and address if
 * there are no ports.
 */
export class BegunFlows {
  readonly #verdicts = new FlowVerdicts<BegunFlow>()
  /** Flows by number of the gateway, then by protocol, ports and address as this machine uses them. */
  readonly #byPeer = new Map<number, Map<string, BegunFlow>>()
  readonly #numbers: PeerNumbers
  readonly #unanswered = new UnansweredPackets<BegunFlow>()
  #size = 0
  #sweepAt = FIRST_SWEEP

  /** Holds the number of each gateway to which there are flows. */
  constructor(numbers: PeerNumbers) {
    this.#numbers = numbers
  }

  /**
   * Records an outbound packet of a flow with a cached verdict, and returns the number of its gateway; -1 if it needs a
   * decision.
   */
  passOut(packet: PacketView, now: Instant): number {
    const row = this.#verdicts.find(packet, 'inside', now)
    return row < 0 ? -1 : this.#note(packet, row, 'inside', now)
  }

  /**
   * Records a packet from a gateway if its flow has a cached verdict. Returns false if it has none: then call
   * `isAnswer`.
   */
  passIn(packet: PacketView, peer: number, now: Instant): boolean {
    const row = this.#verdicts.find(packet, 'outside', now)
    if (row < 0 || this.#verdicts.states.ownerOf(row) !== peer) return false
    this.#note(packet, row, 'outside', now)
    return true
  }

  /** Records an outbound packet to a gateway, opening its flow if it is new. Returns false if the table is full. */
  begin(packet: PacketView, peer: number, now: Instant): boolean {
    const key = outboundKey(packet)
    if (key === undefined) return true
    const held = this.#alive(peer, key, now)
    if (held !== undefined && this.#verdicts.states.reopens(held.row, packet.tcpFlags)) this.#close(held)
    const flow = this.#byPeer.get(peer)?.get(key) ?? this.#open(packet, { peer, key }, now)
    if (flow === undefined) return false
    if (hasCachedVerdict(packet)) this.#verdicts.keep(packet, 'inside', flow)
    if (!flow.isAnswered) this.#unanswered.keep(flow, packet, now)
    this.#note(packet, flow.row, 'inside', now)
    return true
  }

  /** Returns the first packets of flows to a gateway that it has not answered, and forgets them. */
  takeUnanswered(peer: PeerId, now: Instant): UnansweredPacket[] {
    const number = this.#numbers.find(peer)
    return number === undefined ? [] : this.#unanswered.take((flow) => flow.peer === number, now)
  }

  /**
   * Returns another gateway than `peer` that has answered the live flow of an outbound packet, which none but that one can
   * carry on; undefined if there is none.
   */
  otherGatewayOf(packet: PacketView, peer: PeerId, now: Instant): PeerId | undefined {
    const key = outboundKey(packet)
    if (key === undefined || (packet.tcpFlags & SYN) !== 0) return undefined
    // The flow may have begun anew at that gateway.
    const number = this.#numbers.find(peer)
    if (this.#byPeer.size === 0 || (number !== undefined && this.#byPeer.get(number)?.has(key) === true))
      return undefined
    for (const other of this.#byPeer.keys()) {
      if (this.#alive(other, key, now)?.isAnswered === true) return this.#numbers.idOf(other)
    }
    return undefined
  }

  /** Ends the flow of an outbound packet at a gateway. */
  endFlow(packet: PacketView, peer: PeerId): void {
    const flow = this.#byPeer.get(this.#numbers.find(peer) ?? -1)?.get(outboundKey(packet) ?? '')
    if (flow !== undefined) this.#close(flow)
  }

  /** Returns TCP connections that a gateway has answered and that are open, at most so many. */
  openConnections(peer: PeerId, { most, now }: { most: number; now: Instant }): OpenConnection[] {
    const found: OpenConnection[] = []
    for (const { row, key, isAnswered } of this.#byPeer.get(this.#numbers.find(peer) ?? -1)?.values() ?? []) {
      if (found.length >= most) break
      const [protocol, ownPort, otherPort, address = ''] = key.split(' ')
      if (Number(protocol) !== TCP || !isAnswered || this.#verdicts.states.isOver(row, now)) continue
      found.push({ ownPort: Number(ownPort), otherPort: Number(otherPort), address })
    }
    return found
  }

  /** Gateways that have flows. */
  get gateways(): readonly PeerId[] {
    return [...this.#byPeer.keys()].map((number) => this.#numbers.idOf(number))
  }

  /** Records a packet from a gateway if it answers a live flow to that gateway. Returns whether it does. */
  isAnswer(packet: PacketView, peer: number, now: Instant): boolean {
    const key = inboundKey(packet)
    const flow = key === undefined ? undefined : this.#alive(peer, key, now)
    if (flow === undefined) return false
    flow.isAnswered = true
    this.#unanswered.forget(flow)
    if (hasCachedVerdict(packet)) this.#verdicts.keep(packet, 'outside', flow)
    this.#note(packet, flow.row, 'outside', now)
    return true
  }

  /**
   * Whether an ICMP error from a gateway quotes a packet of a live flow to that gateway. `bytes` is the whole error.
   */
  isQuoted(bytes: Uint8Array, quoted: QuotedPacket, peer: number, now: Instant): boolean {
    const address = formatAddress(bytes, quoted.destinationAt, quoted.addressLength)
    if (quoted.kind === 'echoReply' || quoted.kind === 'icmpError') return false
    return this.#alive(peer, keyOf(quoted, quoted.sourcePort, quoted.destinationPort, address), now) !== undefined
  }

  /** Clears all cached verdicts, so that the next packet of each flow is decided again. The flows go on. */
  forgetVerdicts(): void {
    this.#verdicts.forgetVerdicts()
  }

  /** Ends all flows, because this machine has got other addresses. */
  endAll(): void {
    for (const flows of this.#byPeer.values()) for (const flow of flows.values()) this.#close(flow)
  }

  #open(packet: PacketView, { peer, key }: { peer: number; key: string }, now: Instant): BegunFlow | undefined {
    if (this.#size >= this.#sweepAt) this.#sweep(now)
    if (this.#size >= MAX_FLOWS) return undefined
    const row = this.#verdicts.states.open({ owner: peer, protocol: packet.protocol, isPlain: true }, now)
    const flow: BegunFlow = { row, peer, key, isAnswered: false }
    const ofPeer = this.#byPeer.get(peer)
    if (ofPeer === undefined) {
      this.#byPeer.set(peer, new Map([[key, flow]]))
      this.#numbers.hold(this.#numbers.idOf(peer))
    } else ofPeer.set(key, flow)
    this.#size++
    return flow
  }

  #note({ tcpFlags }: PacketView, row: number, from: 'inside' | 'outside', now: Instant): number {
    this.#verdicts.states.recordPacket(row, { from, tcpFlags, now })
    return this.#verdicts.states.ownerOf(row)
  }

  #alive(peer: number, key: string, now: Instant): BegunFlow | undefined {
    const flow = this.#byPeer.get(peer)?.get(key)
    if (flow === undefined || !this.#verdicts.states.isOver(flow.row, now)) return flow
    this.#close(flow)
    return undefined
  }

  #close(flow: BegunFlow): void {
    const ofPeer = this.#byPeer.get(flow.peer)
    ofPeer?.delete(flow.key)
    this.#unanswered.forget(flow)
    this.#verdicts.states.close(flow.row)
    this.#size--
    if (ofPeer?.size !== 0) return
    this.#byPeer.delete(flow.peer)
    this.#numbers.release(flow.peer)
  }

  /**
   * Removes flows that are over. The next sweep is at twice the number that is left, so that the cost per new flow is
   * constant.
   */
  #sweep(now: Instant): void {
    for (const flows of this.#byPeer.values()) {
      for (const flow of flows.values()) if (this.#verdicts.states.isOver(flow.row, now)) this.#close(flow)
    }
    this.#sweepAt = Math.min(MAX_FLOWS, Math.max(FIRST_SWEEP, this.#size * 2))
  }
}

/** Whether verdicts on packets of this kind can be cached. */
const hasCachedVerdict = ({ kind }: PacketView): boolean =>
  kind === 'tcp' || kind === 'udp' || kind === 'echoRequest' || kind === 'echoReply'

/**
 * Returns the flow key of an outbound packet; undefined for packets that cannot begin a flow: echo replies and ICMP
 * errors.
 */
const outboundKey = (packet: PacketView): string | undefined =>
  packet.kind === 'echoReply' || packet.kind === 'icmpError'
    ? undefined
    : keyOf(packet, packet.sourcePort, packet.destinationPort, packet.destinationText())

/**
 * Returns the flow key of an inbound packet; undefined for packets that cannot be an answer: a TCP SYN without ACK, an
 * echo request.
 */
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
