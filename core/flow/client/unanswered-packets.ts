import { ACK, SYN, type PacketView } from '../../net/packet-view.ts'
import { SECOND, type Instant } from '../../runtime/time.ts'

/** Most packets that are kept; beyond it the oldest is forgotten. */
const MOST = 128
/** Time for which a packet is kept: TCP repeats the first one of a connection after 1 s, and again 2 s later. */
const KEPT_MS = 3 * SECOND

/** Packet that began a flow, and the time at which it was sent. */
export interface UnansweredPacket {
  readonly bytes: Uint8Array
  readonly sentAt: Instant
}

/**
 * Packets that began flows which have no answer yet, so that another gateway can be sent those that were sent to one that
 * is gone. An application would send them again after a second or more.
 */
export class UnansweredPackets<Flow> {
  readonly #packets = new Map<Flow, UnansweredPacket>()

  /** Keeps a copy of the packet that begins a flow: of TCP and UDP only. */
  keep(flow: Flow, packet: PacketView, now: Instant): void {
    const isFirst = packet.kind === 'udp' || (packet.tcpFlags & (SYN | ACK)) === SYN
    if (!isFirst) return
    this.#packets.delete(flow)
    this.#packets.set(flow, { bytes: new Uint8Array(packet.bytes.subarray(0, packet.length)), sentAt: now })
    const [oldest] = this.#packets.keys()
    if (this.#packets.size > MOST && oldest !== undefined) this.#packets.delete(oldest)
  }

  /** Forgets the packet of a flow, which was answered or is over. */
  forget(flow: Flow): void {
    this.#packets.delete(flow)
  }

  /** Removes and returns the packets of some flows that are not too old, in the order in which they were sent. */
  take(isWanted: (flow: Flow) => boolean, now: Instant): UnansweredPacket[] {
    const taken: UnansweredPacket[] = []
    for (const [flow, packet] of this.#packets) {
      if (!isWanted(flow)) continue
      this.#packets.delete(flow)
      if (now - packet.sentAt < KEPT_MS) taken.push(packet)
    }
    return taken
  }
}
