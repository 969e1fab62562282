import type { PacketKind, PacketView } from '../net/packet-view.ts'

/** A power of two. Ten thousand flows that take turns hardly ever push one another out of so many. */
const BUCKETS = 16_384
const WAYS = 4
/** Of a flow: ports, kind, and both addresses. */
const KEY_WORDS = 10
/** The hashes of a bucket's flows, then their keys: three lines of a processor's cache, of which a look-up needs one or two. */
const BUCKET_WORDS = 48

/**
 * Verdicts by 5-tuple, so that the many packets of a flow cost one look-up. A flow has few places where it may stand, and takes that of the one
 * that has stood there longest: a flood of flows costs time, never memory. Keys lie side by side, because with very many flows every place in
 * memory that is looked at costs more than all that is computed there.
 */
export class FlowCache<T> {
  /** 3 MB, from the first flow on. */
  #buckets = new Int32Array(0)
  #values: (T | undefined)[] = []
  /** Which way of a bucket is taken next. */
  #turns = new Uint8Array(0)
  #used = false
  /** Of the packet at hand. */
  readonly #key = new Int32Array(KEY_WORDS)
  #keyWords = 0

  find(packet: PacketView): T | undefined {
    if (!this.#used) return undefined
    const hash = this.#read(packet)
    const bucket = hash & (BUCKETS - 1)
    const way = this.#wayOf(bucket, hash)
    return way < 0 ? undefined : this.#values[bucket * WAYS + way]
  }

  /** Only for kinds that have ports or an identifier. */
  store(packet: PacketView, value: T): void {
    if (this.#values.length === 0) {
      this.#buckets = new Int32Array(BUCKETS * BUCKET_WORDS)
      this.#values = Array.from({ length: BUCKETS * WAYS })
      this.#turns = new Uint8Array(BUCKETS)
    }
    this.#used = true
    const hash = this.#read(packet)
    const bucket = hash & (BUCKETS - 1)
    let way = this.#wayOf(bucket, hash)
    if (way < 0) {
      way = this.#turns[bucket] ?? 0
      this.#turns[bucket] = (way + 1) % WAYS
    }
    const base = bucket * BUCKET_WORDS
    this.#buckets[base + way] = hash
    this.#buckets.set(this.#key, base + WAYS + way * KEY_WORDS)
    this.#values[bucket * WAYS + way] = value
  }

  clear(): void {
    if (!this.#used) return
    this.#values.fill(undefined)
    this.#used = false
  }

  /** Where in its bucket the flow of the key stands; negative: nowhere. */
  #wayOf(bucket: number, hash: number): number {
    const buckets = this.#buckets
    const base = bucket * BUCKET_WORDS
    for (let way = 0; way < WAYS; way++) {
      if (buckets[base + way] === hash && this.#isKeyAt(base + WAYS + way * KEY_WORDS)) return way
    }
    return -1
  }

  #isKeyAt(at: number): boolean {
    const buckets = this.#buckets
    const key = this.#key
    for (let word = 0; word < this.#keyWords; word++) if (buckets[at + word] !== key[word]) return false
    return true
  }

  /** Takes the key of a packet; its hash. */
  #read(packet: PacketView): number {
    const { bytes, sourceAt, addressLength, sourcePort, destinationPort } = packet
    const key = this.#key
    const ports = (sourcePort << 16) | destinationPort
    const kind = (KINDS[packet.kind] << 8) | addressLength
    key[0] = ports
    key[1] = kind
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

/** None is 0, so that a place where nobody stood yet is nobody's. */
const KINDS: Readonly<Record<PacketKind, number>> = {
  tcp: 1,
  udp: 2,
  echoRequest: 3,
  echoReply: 4,
  icmpError: 5,
  icmp: 6,
  other: 7,
}
