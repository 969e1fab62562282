import type { PacketKind, PacketView } from '../net/packet-view.ts'

/** A power of two. Ten thousand flows that take turns hardly ever push one another out of so many. */
const BUCKETS = 16_384
const WAYS = 4
/** Of a flow: ports, kind, and both addresses. */
const KEY_WORDS = 10
/** Of a place: the verdict, its stamp, then the key, of which IPv4 needs the beginning: in one line of a processor's cache for most. */
const PLACE_WORDS = 2 + KEY_WORDS
/** How often it can be cleared before that takes writing to all of it. */
const MAX_CLEARINGS = 0xfffff

/**
 * Verdicts by 5-tuple, so that the many packets of a flow cost one look-up. A flow has few places where it may stand, and takes that of the one
 * that has stood there longest: a flood of flows costs time, never memory. A verdict is a number and stands beside its key, because with very
 * many flows every place in memory that is looked at costs more than all that is computed there.
 */
export class FlowCache {
  /** 3 MB, from the first flow on. */
  #words = new Int32Array(0)
  /** Which way of a bucket is taken next. */
  #turns = new Uint8Array(0)
  /** Part of each key: what was stored before it was cleared belongs to nobody. None is 0, so that neither does a place where nobody stood. */
  #clearings = 1
  /** Of the packet at hand. */
  readonly #key = new Int32Array(KEY_WORDS)
  #keyWords = 0

  /** Where the packet's flow stands: a small number, below 0 for nowhere. */
  find(packet: PacketView): number {
    if (this.#words.length === 0) return -1
    return this.#find(this.#read(packet))
  }

  /** The verdict at a place that `find` said. */
  verdictAt(place: number): number {
    return this.#words[place * PLACE_WORDS] ?? 0
  }

  /** What was stored with it. */
  stampAt(place: number): number {
    return this.#words[place * PLACE_WORDS + 1] ?? 0
  }

  /** Only for kinds that have ports or an identifier. By the stamp, whoever stores the verdict may tell whether it still holds. Both have 32 bits. */
  store(packet: PacketView, verdict: number, stamp = 0): void {
    if (this.#words.length === 0) {
      this.#words = new Int32Array(BUCKETS * WAYS * PLACE_WORDS)
      this.#turns = new Uint8Array(BUCKETS)
    }
    const hash = this.#read(packet)
    let place = this.#find(hash)
    if (place < 0) {
      const bucket = hash & (BUCKETS - 1)
      const way = this.#turns[bucket] ?? 0
      this.#turns[bucket] = (way + 1) % WAYS
      place = bucket * WAYS + way
    }
    const at = place * PLACE_WORDS
    this.#words[at] = verdict
    this.#words[at + 1] = stamp
    this.#words.set(this.#key, at + 2)
  }

  clear(): void {
    if (++this.#clearings <= MAX_CLEARINGS) return
    this.#words.fill(0)
    this.#clearings = 1
  }

  #find(hash: number): number {
    const words = this.#words
    const [ports, kind, first, second] = [this.#key[0], this.#key[1], this.#key[2], this.#key[3]]
    const begin = (hash & (BUCKETS - 1)) * WAYS
    for (let place = begin; place < begin + WAYS; place++) {
      const at = place * PLACE_WORDS + 2
      if (words[at] !== ports || words[at + 1] !== kind || words[at + 2] !== first || words[at + 3] !== second) continue
      if (this.#isRestAt(at)) return place
    }
    return -1
  }

  /** Of the addresses of IPv6, of which the first half was compared; of IPv4 there is no more. */
  #isRestAt(at: number): boolean {
    for (let word = 4; word < this.#keyWords; word++) if (this.#words[at + word] !== this.#key[word]) return false
    return true
  }

  /** Takes the key of a packet; its hash. */
  #read(packet: PacketView): number {
    const { bytes, sourceAt, addressLength, sourcePort, destinationPort } = packet
    const key = this.#key
    const ports = (sourcePort << 16) | destinationPort
    const kind = (KINDS[packet.kind] << 5) | addressLength
    key[0] = ports
    key[1] = (this.#clearings << 8) | kind
    this.#keyWords = 2 + addressLength / 2
    let hash = Math.imul(ports, 0x9e3779b1) ^ kind
    // In both families the destination follows the source.
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

/** Three bits. */
const KINDS: Readonly<Record<PacketKind, number>> = {
  tcp: 1,
  udp: 2,
  echoRequest: 3,
  echoReply: 4,
  icmpError: 5,
  icmp: 6,
  other: 7,
}
