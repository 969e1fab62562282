import type { PeerId } from '../../contract/tunnel-transport.ts'
import { buildFragmentRefusal } from '../../net/fragment-refusal.ts'
import { buildTooBig, buildUnreachable, type Unreachable } from '../../net/icmp-error.ts'
import type { PacketRefusal, PacketView } from '../../net/packet-view.ts'
import type { Counters } from '../../runtime/counters.ts'
import type { Instant } from '../../runtime/time.ts'
import type { GatewayDrop } from './gateway-flows-messages.ts'
import type { GatewayPeer } from './gateway-peer.ts'

/** Takes ICMP errors to their receivers. */
export interface ErrorWays {
  toClient: (peer: PeerId, packet: Uint8Array) => void
  toSite: (packet: Uint8Array) => void
}

/** Packets that a gateway drops: counts each by its reason, and tells its sender, at most so often for one client. */
export class Refusals {
  readonly #counters: Counters<GatewayDrop>
  readonly #ways: ErrorWays

  constructor(counters: Counters<GatewayDrop>, ways: ErrorWays) {
    this.#counters = counters
    this.#ways = ways
  }

  /** Drops a packet of a client, and answers it with an ICMP error. */
  refuse(
    peer: GatewayPeer,
    packet: PacketView,
    { answer, reason, now }: { answer: Unreachable; reason: GatewayDrop; now: Instant },
  ): void {
    this.#counters.count(reason)
    if (!peer.errorLimit.take(now)) return this.#counters.count('icmp-rate')
    const error = buildUnreachable(packet, answer)
    if (error !== undefined) this.#ways.toClient(peer.id, error)
  }

  /** Drops a packet from the site that exceeds a client's path MTU in bytes, and tells its sender the MTU (T7, T10). */
  refuseTooBig(
    packet: PacketView,
    { mtu, peer, now }: { mtu: number; peer: GatewayPeer | undefined; now: Instant },
  ): void {
    this.#counters.count('too-long')
    if (peer?.errorLimit.take(now) !== true) return this.#counters.count('icmp-rate')
    const error = buildTooBig(packet, mtu)
    if (error !== undefined) this.#ways.toSite(error)
  }

  /** Drops a packet from the site that cannot be judged; the sender of a fragment is told, which is an answer. */
  refuseUnread(bytes: Uint8Array, reason: PacketRefusal): void {
    this.#counters.count(reason)
    const error = reason === 'packet-fragment' ? buildFragmentRefusal(bytes) : undefined
    if (error !== undefined) this.#ways.toSite(error)
  }
}
