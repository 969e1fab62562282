import { ACK, SYN, type PacketView } from '../../net/packet-view.ts'
import { SECOND, type Instant } from '../../runtime/time.ts'

/** Most packets that are kept while connecting (wire §6). */
const MAX_KEPT_PACKETS = 128
/**
 * Time for which a packet is kept. After that, its sender has given up or sent it again; a client waits 15 s for a
 * gateway, and more for the name.
 */
export const KEPT_FOR_MS = 20 * SECOND

/** A packet that waits for a connection. */
export interface KeptPacket {
  readonly bytes: Uint8Array
  readonly keptAt: Instant
}

interface Item {
  bytes: Uint8Array
  keptAt: Instant
  /** Key by which a TCP SYN and its retransmissions are equal; undefined for other packets. */
  syn: string | undefined
}

/**
 * Queue of packets that wait for a connection. When it is full, the oldest is dropped; a retransmitted SYN or a
 * duplicate is not kept twice.
 */
export class KeptPackets {
  #items: Item[] = []

  get size(): number {
    return this.#items.length
  }

  /** Keeps a copy of a packet. `keptAt` is the time when it first came. */
  keep(packet: PacketView, keptAt: Instant): 'kept' | 'merged' | 'oldest-dropped' {
    const syn = synOf(packet)
    for (const item of this.#items) {
      if (syn === undefined ? isSame(item.bytes, packet) : item.syn === syn) {
        item.keptAt = keptAt
        return 'merged'
      }
    }
    this.#items.push({ bytes: new Uint8Array(packet.bytes.subarray(0, packet.length)), keptAt, syn })
    if (this.#items.length <= MAX_KEPT_PACKETS) return 'kept'
    this.#items.shift()
    return 'oldest-dropped'
  }

  /** Empties the queue, and returns the packets that are not too old, in order. */
  take(now: Instant): KeptPacket[] {
    const items = this.#items
    this.#items = []
    return items.filter(({ keptAt }) => now - keptAt < KEPT_FOR_MS)
  }
}

const synOf = ({ tcpFlags, bytes, sourceAt, transportAt, addressLength }: PacketView): string | undefined => {
  if ((tcpFlags & (SYN | ACK)) !== SYN) return undefined
  // The key has addresses, ports and sequence number; other fields (identification, timestamps) differ in a
  // retransmission.
  return `${bytes.subarray(sourceAt, sourceAt + addressLength * 2).join('.')} ${bytes.subarray(transportAt, transportAt + 8).join('.')}`
}

const isSame = (kept: Uint8Array, { bytes, length }: PacketView): boolean => {
  if (kept.length !== length) return false
  for (let at = 0; at < length; at++) if (kept[at] !== bytes[at]) return false
  return true
}
