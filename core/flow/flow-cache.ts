import type { PacketKind, PacketView } from '../net/packet-view.ts'

/** A power of two. */
const SLOTS = 32_768
/** Words of a slot's key: ports, kind, and both addresses. A power of two, so that a key lies in as few cache lines as it can. */
const KEY_WORDS = 16
const PORTS = 0
const KIND = 1
const ADDRESSES = 2

/**
 * Verdicts by 5-tuple, so that the many packets of a flow cost one look-up. Directly mapped: a flow that falls on another's slot takes
 * it, so a flood of flows costs time, never memory. The keys lie side by side, because with very many flows every place in memory that is
 * looked at costs more than all that is computed there.
 */
export class FlowCache<T> {
  /** 2 MB, from the first flow on. */
  #keys = new Int32Array(0)
  #values: (T | undefined)[] = []
  #used = false
  /** Of the packet at hand. */
  readonly #key = new Int32Array(KEY_WORDS)

  find(packet: PacketView): T | undefined {
    if (!this.#used) return undefined
    const slot = this.#read(packet)
    const keys = this.#keys
    const key = this.#key
    const base = slot * KEY_WORDS
    const end = ADDRESSES + packet.addressLength / 2
    for (let word = 0; word < end; word++) if (keys[base + word] !== key[word]) return undefined
    return this.#values[slot]
  }

  /** Only for kinds that have ports or an identifier. */
  store(packet: PacketView, value: T): void {
    if (this.#values.length === 0) {
      this.#keys = new Int32Array(SLOTS * KEY_WORDS)
      this.#values = Array.from({ length: SLOTS })
    }
    this.#used = true
    const slot = this.#read(packet)
    this.#keys.set(this.#key, slot * KEY_WORDS)
    this.#values[slot] = value
  }

  clear(): void {
    if (!this.#used) return
    this.#values.fill(undefined)
    this.#used = false
  }

  /** Takes the key of a packet; its slot. */
  #read(packet: PacketView): number {
    const { bytes, sourceAt, addressLength, sourcePort, destinationPort } = packet
    const key = this.#key
    const ports = (sourcePort << 16) | destinationPort
    const kind = (KINDS[packet.kind] << 8) | addressLength
    key[PORTS] = ports
    key[KIND] = kind
    let hash = Math.imul(ports, 0x9e3779b1) ^ kind
    // In both families the destination follows the source.
    for (let word = 0; word < addressLength / 2; word++) {
      const at = sourceAt + word * 4
      const value =
        ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
      key[ADDRESSES + word] = value
      hash = Math.imul(hash ^ value, 0x85ebca6b)
      hash ^= hash >>> 15
    }
    return (hash ^ (hash >>> 13)) & (SLOTS - 1)
  }
}

/** None is 0, so that a slot that was never used is nobody's. */
const KINDS: Readonly<Record<PacketKind, number>> = {
  tcp: 1,
  udp: 2,
  echoRequest: 3,
  echoReply: 4,
  icmpError: 5,
  icmp: 6,
  other: 7,
}
