import { ACK, SYN, type PacketView } from '../../net/packet-view.ts'
import { SECOND, type Instant } from '../../runtime/time.ts'

/** wire §6: packets kept while connecting. */
const MAX_KEPT_PACKETS = 128
/** Whoever sent it has given up or repeated it: a client waits 15 s for a gateway's answer, and some for the name. */
export const KEPT_FOR_MS = 20 * SECOND

export interface KeptPacket {
  readonly bytes: Uint8Array
  readonly keptAt: Instant
}

interface Item {
  bytes: Uint8Array
  keptAt: Instant
  /** Of a TCP SYN, what makes it the same as its retransmission. */
  syn: string | undefined
}

/** Packets that wait for a connection, in order: the oldest goes first, and a retransmitted SYN or a duplicate takes no second place. */
export class KeptPackets {
  #items: Item[] = []

  get size(): number {
    return this.#items.length
  }

  /** Keeps a copy. `keptAt` is when the packet came first. */
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

  /** Empties it: what is not too old, in order. */
  take(now: Instant): KeptPacket[] {
    const items = this.#items
    this.#items = []
    return items.filter(({ keptAt }) => now - keptAt < KEPT_FOR_MS)
  }
}

const synOf = ({ tcpFlags, bytes, sourceAt, transportAt, addressLength }: PacketView): string | undefined => {
  if ((tcpFlags & (SYN | ACK)) !== SYN) return undefined
  // Addresses, ports and sequence number; the rest changes with each retransmission (identification, timestamps).
  return `${bytes.subarray(sourceAt, sourceAt + addressLength * 2).join('.')} ${bytes.subarray(transportAt, transportAt + 8).join('.')}`
}

const isSame = (kept: Uint8Array, { bytes, length }: PacketView): boolean => {
  if (kept.length !== length) return false
  for (let at = 0; at < length; at++) if (kept[at] !== bytes[at]) return false
  return true
}
