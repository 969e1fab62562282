import type { PacketKind, PacketView } from '../net/packet-view.ts'

/** Number of buckets, a power of two: enough that ten thousand flows in turns hardly ever evict one another. */
const BUCKETS = 16_384
const WAYS = 4
/** 32-bit words of a flow's key: ports, kind, both addresses. */
const KEY_WORDS = 10
/**
 * 32-bit words of a slot: verdict, stamp, key. An IPv4 flow uses only the first words of the key, mostly within one CPU
 * cache line.
 */
const SLOT_WORDS = 2 + KEY_WORDS
/** Highest generation; the next `clear` has to overwrite all slots. */
const MAX_GENERATION = 0xfffff

/**
 * Cache of verdicts by 5-tuple: each packet of a known flow costs one look-up. It is set-associative: a flow may be in
 * one of the few slots of its bucket, and a new flow replaces the oldest there, so that a flood of flows costs time but
 * no memory. A verdict is a number stored beside its key, because with very many flows, cache misses of the CPU cost
 * more than computation.
 */
export class FlowCache {
  /** Slots, 3 MB, allocated with the first flow. */
  #words = new Int32Array(0)
  /** Index of the slot to replace next, by bucket. */
  #turns = new Uint8Array(0)
  /**
   * Generation number, part of every key: `clear` increments it, which invalidates all slots. Starts at 1, so that
   * empty slots never match.
   */
  #generation = 1
  /** Key of the packet being looked up; reused to avoid allocation. */
  readonly #key = new Int32Array(KEY_WORDS)
  #keyWords = 0

  /** Finds the slot of a packet's flow; -1 if it has none. */
  find(packet: PacketView): number {
    if (this.#words.length === 0) return -1
    return this.#find(this.#read(packet))
  }

  /** Returns the verdict in a slot from `find`. */
  verdictAt(slot: number): number {
    return this.#words[slot * SLOT_WORDS] ?? 0
  }

  /** Returns the stamp that was stored with the verdict in a slot. */
  stampAt(slot: number): number {
    return this.#words[slot * SLOT_WORDS + 1] ?? 0
  }

  /**
   * Stores a verdict on a packet's flow, and a stamp by which the caller can tell whether it is still valid; 32 bits
   * each. Only for TCP, UDP and ICMP echo.
   */
  store(packet: PacketView, verdict: number, stamp = 0): void {
    if (this.#words.length === 0) {
      this.#words = new Int32Array(BUCKETS * WAYS * SLOT_WORDS)
      this.#turns = new Uint8Array(BUCKETS)
    }
    const hash = this.#read(packet)
    let slot = this.#find(hash)
    if (slot < 0) {
      const bucket = hash & (BUCKETS - 1)
      const way = this.#turns[bucket] ?? 0
      this.#turns[bucket] = (way + 1) % WAYS
      slot = bucket * WAYS + way
    }
    const at = slot * SLOT_WORDS
    this.#words[at] = verdict
    this.#words[at + 1] = stamp
    this.#words.set(this.#key, at + 2)
  }

  clear(): void {
    if (++this.#generation <= MAX_GENERATION) return
    this.#words.fill(0)
    this.#generation = 1
  }

  #find(hash: number): number {
    const words = this.#words
    const [ports, kind, first, second] = [this.#key[0], this.#key[1], this.#key[2], this.#key[3]]
    const begin = (hash & (BUCKETS - 1)) * WAYS
    for (let slot = begin; slot < begin + WAYS; slot++) {
      const at = slot * SLOT_WORDS + 2
      if (words[at] !== ports || words[at + 1] !== kind || words[at + 2] !== first || words[at + 3] !== second) continue
      if (this.#isRestAt(at)) return slot
    }
    return -1
  }

  /**
   * Compares the rest of the key, behind its first four words: the remaining address bytes of IPv6, nothing for IPv4.
   */
  #isRestAt(at: number): boolean {
    for (let word = 4; word < this.#keyWords; word++) if (this.#words[at + word] !== this.#key[word]) return false
    return true
  }

  /** Reads the packet's flow key into `#key` and returns its hash. */
  #read(packet: PacketView): number {
    const { bytes, sourceAt, addressLength, sourcePort, destinationPort } = packet
    const key = this.#key
    const ports = (sourcePort << 16) | destinationPort
    const kind = (KINDS[packet.kind] << 5) | addressLength
    key[0] = ports
    key[1] = (this.#generation << 8) | kind
    this.#keyWords = 2 + addressLength / 2
    let hash = Math.imul(ports, 0x9e3779b1) ^ kind
    // The destination address follows the source address in both families.
    for (let word = 2; word < this.#keyWords; word++) {
      const at = sourceAt + (word - 2) * 4
      const value =
        ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
      key[word] = value
      hash = Math.imul(hash ^ value, 0x85ebca6b)
      hash ^= hash >>> 15
    }
    return hash ^ (hash >>> 13)
  }
}

/** Numbers of packet kinds in a key, 3 bits. */
const KINDS: Readonly<Record<PacketKind, number>> = {
  tcp: 1,
  udp: 2,
  echoRequest: 3,
  echoReply: 4,
  icmpError: 5,
  icmp: 6,
  other: 7,
}
