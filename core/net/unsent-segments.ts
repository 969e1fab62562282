import { MINUTE, type Instant } from '../runtime/time.ts'
import { RST, SYN, type PacketView } from './packet-view.ts'

/** Most connections of which a segment is kept. */
const MAX_CONNECTIONS = 32
/**
 * Time in milliseconds for which a segment is kept: the longest time for which one may be under way (RFC 9293 §3.4.1), and
 * the longest time from one retransmission to the next in practice.
 */
const KEPT_FOR_MS = 2 * MINUTE

/**
 * The latest segment of each open TCP connection that could not be sent. Sent once there is a way again, it is
 * acknowledged, and the connection goes on at once: its sender would wait for its next retransmission, which may be a
 * minute away. TCP drops it if it is not wanted any more.
 */
export class UnsentSegments {
  readonly #segments = new Map<string, { bytes: Uint8Array; keptAt: Instant }>()

  /** Keeps a copy of a packet if it is a segment of an open TCP connection. Returns whether it is. */
  keep(packet: PacketView, now: Instant): boolean {
    const { kind, tcpFlags, bytes, length, sourceAt, transportAt, addressLength } = packet
    if (kind !== 'tcp' || (tcpFlags & (SYN | RST)) !== 0) return false
    const addresses = bytes.subarray(sourceAt, sourceAt + addressLength * 2)
    const connection = `${addresses.join('.')} ${bytes.subarray(transportAt, transportAt + 4).join('.')}`
    this.#segments.delete(connection)
    this.#segments.set(connection, { bytes: new Uint8Array(bytes.subarray(0, length)), keptAt: now })
    const [oldest = ''] = this.#segments.keys()
    if (this.#segments.size > MAX_CONNECTIONS) this.#segments.delete(oldest)
    return true
  }

  /** Returns the segments that are not too old, in the order in which they came, and forgets all. */
  take(now: Instant): Uint8Array[] {
    const kept = [...this.#segments.values()]
    this.#segments.clear()
    return kept.flatMap(({ bytes, keptAt }) => (now - keptAt < KEPT_FOR_MS ? [bytes] : []))
  }
}
