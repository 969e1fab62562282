import { embeddedIpv4 } from '../net/embedded-ipv4.ts'
import { after, HOUR, type Instant } from '../runtime/time.ts'

/** The addresses that stand for one name: 4 of each family, canonical text. */
export interface MappedName {
  ipv4: readonly string[]
  ipv6: readonly string[]
}

export interface MappedAddressesOptions {
  /** Bounds the memory that an application, or a web page, can use up by asking for ever new names below a wildcard. */
  capacity?: number
  /** How many numbers there are. */
  groups?: number
}

/** What became of a request for addresses: a number, or none where no place is left. */
export interface Assigned {
  number: number | undefined
  isNew: boolean
  /** The name that made room: its addresses lead nowhere from then on. */
  forgotten?: string | undefined
  /** Whoever sees the packets is to report, from now on, which names have some. */
  watch: boolean
}

/**
 * Hands out the addresses by which applications on this machine reach names of resources. A name has the same ones as long as there is room, and no
 * two names share one.
 *
 * A name is a number n; its addresses follow from n, and n from an address, so that only the names are kept.
 *
 * Names that match a wildcard have a bounded number of places; those of resources without one are as many as the resources, and always find a place.
 * Where all places are taken, whoever sees the packets is to report from then on which names have some (`watch`), and a name that was neither asked
 * for nor used all through such a watch makes way. Its number is the last to be handed out again.
 */
export class MappedAddresses {
  /** The one that was used the longest ago first. */
  readonly #wild = new Map<string, HeldName>()
  /** Names of resources without a wildcard. */
  readonly #exact = new Map<string, HeldName>()
  readonly #names = new Map<number, string>()
  readonly #capacity: number
  readonly #groups: number
  #fresh = 0
  /** Numbers of forgotten names, in that order. */
  readonly #freed: number[] = []
  #watchedSince: Instant | undefined
  /** Wild names that were last used before this were not in use all through a watch. */
  #forgetBefore: Instant | undefined

  constructor({ capacity = 65_536, groups = GROUPS }: MappedAddressesOptions = {}) {
    this.#groups = Math.min(groups, GROUPS)
    this.#capacity = Math.min(capacity, this.#groups)
  }

  /** How many names have addresses. */
  get size(): number {
    return this.#names.size
  }

  /** The number of a name, an old one if it has one; `isExact` where it is the whole of a resource's address. `name` is normalized. */
  assign(name: string, { isExact, now }: { isExact: boolean; now: Instant }): Assigned {
    const known = this.#held(name)
    if (known !== undefined) {
      this.#put(name, { number: known.number, usedAt: now }, isExact)
      return { number: known.number, isNew: false, watch: false }
    }
    const isFull = this.#names.size >= this.#groups || (!isExact && this.#wild.size >= this.#capacity)
    const watch = isFull && this.#watchAnew(now)
    const forgotten = isFull ? this.#forgetOne() : undefined
    if (isFull && forgotten === undefined) return { number: undefined, isNew: false, watch }
    const number = this.#fresh < this.#groups ? this.#fresh++ : this.#freed.shift()
    if (number === undefined) return { number, isNew: false, forgotten, watch }
    this.#put(name, { number, usedAt: now }, isExact)
    this.#names.set(number, name)
    return { number, isNew: true, forgotten, watch }
  }

  /** The number that a name has. */
  numberOf(name: string): number | undefined {
    return this.#held(name)?.number
  }

  /** A name had packets. */
  used(name: string, now: Instant): void {
    const held = this.#held(name)
    if (held !== undefined) this.#put(name, { ...held, usedAt: now }, this.#exact.has(name))
  }

  /** The name that an address stands for. Takes the address's bytes, 4 or 16. */
  nameOf(address: Uint8Array): string | undefined {
    if (!isMapped(address)) return undefined
    const host = hostAt(offsetOf(address))
    return host < 0 ? undefined : this.#names.get(Math.floor(host / PER_NAME))
  }

  #held(name: string): HeldName | undefined {
    return this.#wild.get(name) ?? this.#exact.get(name)
  }

  #put(name: string, held: HeldName, isExact: boolean): void {
    this.#wild.delete(name)
    this.#exact.delete(name)
    const names = isExact ? this.#exact : this.#wild
    names.set(name, held)
  }

  /** Begins a watch, unless one goes on. */
  #watchAnew(now: Instant): boolean {
    if (this.#watchedSince !== undefined && now < after(this.#watchedSince, WATCH)) return false
    this.#forgetBefore = this.#watchedSince
    this.#watchedSince = now
    return true
  }

  /** The name that was forgotten, if there was one to forget. */
  #forgetOne(): string | undefined {
    for (const [name, { number, usedAt }] of this.#wild) {
      if (this.#forgetBefore === undefined || usedAt >= this.#forgetBefore) return undefined
      this.#wild.delete(name)
      this.#names.delete(number)
      this.#freed.push(number)
      return name
    }
    return undefined
  }
}

interface HeldName {
  number: number
  /** When it was last asked for, or its first packet of a watch was seen. */
  usedAt: Instant
}

/**
 * A gateway forgets a TCP connection that is silent for 2 h 4 min (core/nat; RFC 5382 REQ-5), so whoever is still connected to a name sends
 * something in that time. Applications that keep an address without using it for longer than that get an ICMP error and ask again: the address
 * itself stands for no other name before all 524,223 numbers were handed out, which at 65,536 names in each 3 h takes 21 h.
 */
const WATCH = 3 * HOUR

const PER_NAME = 4

/** The bytes of the addresses of the name with a number, ready for an answer. */
export const addressBytes = (number: number, family: 'ipv4' | 'ipv6'): Uint8Array[] =>
  Array.from({ length: PER_NAME }, (_, i) => {
    const offset = offsetAt(number * PER_NAME + i)
    if (family === 'ipv4') return Uint8Array.of(100, 96 | (offset >>> 16), offset >>> 8, offset)
    const bytes = new Uint8Array(IPV6_PREFIX)
    bytes[13] = offset >>> 16
    bytes[14] = offset >>> 8
    bytes[15] = offset
    return bytes
  })

/** The addresses of the name with a number, as text. */
export const addressText = (number: number): MappedName => {
  const offsets = Array.from({ length: PER_NAME }, (_, i) => offsetAt(number * PER_NAME + i))
  return {
    ipv4: offsets.map((offset) => `100.${96 | (offset >>> 16)}.${(offset >>> 8) & 0xff}.${offset & 0xff}`),
    ipv6: offsets.map((offset) => `fd00:2021:1111:8000::${lastGroups(offset)}`),
  }
}

/** Whether an address (4 or 16 bytes) is of the ranges of mapped addresses and sentinels: 100.96.0.0/11, fd00:2021:1111:8000::/107, and its sentinels. */
export const isMapped = (address: Uint8Array): boolean => {
  if (address.length === 4) return address[0] === 100 && ((address[1] ?? 0) & 0xe0) === 96
  if (startsWith(address, SENTINEL_PREFIX, 15)) return true
  return startsWith(address, IPV6_PREFIX, 13) && (address[13] ?? 0) < 0x20
}

/**
 * Whether packets to an address (4 or 16 bytes) may end at one of the mapped range or a sentinel: it is one, or an IPv6 address that has one
 * within it, which a kernel, a translator or a tunnel sends as IPv4. Such addresses are no others' by right: NAT64's well-known prefix is not for
 * addresses that are not global (RFC 6052 §3.1).
 */
export const leadsToMapped = (address: Uint8Array): boolean => isMapped(address) || embeddedIpv4(address).some(isMapped)

const startsWith = (address: Uint8Array, prefix: Uint8Array, length: number): boolean =>
  address.length === 16 && prefix.every((byte, at) => at >= length || address[at] === byte)

// fd00:2021:1111:8000::/107 and fd00:2021:1111:8000:100:100:111:0/120
const IPV6_PREFIX = Uint8Array.of(0xfd, 0, 0x20, 0x21, 0x11, 0x11, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0)
const SENTINEL_PREFIX = Uint8Array.of(0xfd, 0, 0x20, 0x21, 0x11, 0x11, 0x80, 0, 1, 0, 1, 0, 1, 0x11, 0, 0)

// Offsets in the range, the same for both families: 21 bits, without the first and the last, which are no host addresses in IPv4,
// and without 100.100.111.0/24, where the sentinels are.
const SENTINELS_AT = ((100 - 96) << 16) | (111 << 8)
const SENTINELS = 256
const GROUPS = Math.floor((2 ** 21 - 2 - SENTINELS) / PER_NAME)

const offsetAt = (host: number): number => (host + 1 < SENTINELS_AT ? host + 1 : host + 1 + SENTINELS)

/** The inverse of `offsetAt`, -1 where there is none. */
const hostAt = (offset: number): number => {
  if (offset < SENTINELS_AT) return offset - 1
  return offset < SENTINELS_AT + SENTINELS ? -1 : offset - 1 - SENTINELS
}

const offsetOf = (address: Uint8Array): number => {
  const [high = 0, middle = 0, low = 0] = address.subarray(-3)
  return ((high & 0x1f) << 16) | (middle << 8) | low
}

/** RFC 5952 §4.2: the longest run of zeros is left out. */
const lastGroups = (offset: number): string => {
  const high = offset >>> 16
  return high === 0 ? (offset & 0xffff).toString(16) : `${high.toString(16)}:${(offset & 0xffff).toString(16)}`
}
