import { embeddedIpv4 } from '../net/embedded-ipv4.ts'
import { after, HOUR, type Instant } from '../runtime/time.ts'

/** Mapped addresses of one name: 4 of each family, in canonical text. */
export interface MappedName {
  ipv4: readonly string[]
  ipv6: readonly string[]
}

/** Limits of `MappedAddresses`. */
export interface MappedAddressesOptions {
  /**
   * Most names below wildcards that have addresses at a time: an application, or a web page, may ask for ever new ones.
   */
  capacity?: number
  /** Number of names for which there are addresses. */
  groups?: number
}

/** Outcome of a request for addresses. `number` identifies the name's addresses; undefined if all are taken. */
export interface Assigned {
  number: number | undefined
  isNew: boolean
  /** Name that lost its addresses to make room. */
  forgotten?: string | undefined
  /** Whether a watch begins: the caller must report by `used` which names have packets from then on, once for each. */
  watch: boolean
}

/**
 * Assigns the mapped addresses by which applications on this machine reach names of resources. A name keeps its
 * addresses as long as there is room, and no two names share one.
 *
 * Each name gets a number, from which its addresses are computed, and an address gives the number: only names and
 * numbers are stored.
 *
 * The number of names below wildcards is bounded by `capacity`; names of resources without a wildcard are as many as
 * these resources, and do not count. When there is no room, a watch of 3 hours begins (`watch`), in which the caller
 * reports the names that have packets. A name that was neither asked for nor used during a whole watch may lose its
 * addresses. Freed numbers are reused last, the oldest first.
 */
export class MappedAddresses {
  /** Names below wildcards, least recently used first. */
  readonly #wild = new Map<string, HeldName>()
  /** Names of resources without a wildcard. */
  readonly #exact = new Map<string, HeldName>()
  readonly #names = new Map<number, string>()
  readonly #capacity: number
  readonly #groups: number
  #fresh = 0
  /** Numbers that are not fresh, whatever `#fresh` says: those of names of an earlier run, and of other people's. */
  readonly #taken = new Set<number>()
  /** Numbers of forgotten names, the first freed first. */
  readonly #freed: number[] = []
  #watchedSince: Instant | undefined
  /** Beginning of the last whole watch: a name below a wildcard that was last used before it may be forgotten. */
  #forgetBefore: Instant | undefined

  constructor({ capacity = 65_536, groups = GROUPS }: MappedAddressesOptions = {}) {
    this.#groups = Math.min(groups, GROUPS)
    this.#capacity = Math.min(capacity, this.#groups)
  }

  /** Names with their numbers, least recently used first, and the first number that was never given to a name. */
  get kept(): { names: [name: string, number: number][]; next: number } {
    const names = [...this.#wild, ...this.#exact].map(([name, { number }]): [string, number] => [name, number])
    return { names, next: this.#fresh }
  }

  /**
   * Takes names with their numbers from an earlier run, before the first call of `assign`; `taken` are numbers that are
   * given to no name. Leaves out a name or number that occurs twice. Returns the names. Numbers begin anew once there is
   * no fresh one.
   */
  restore(
    {
      names,
      next,
      taken,
    }: {
      names: readonly (readonly [name: string, number: number])[]
      next: number
      taken: readonly number[]
    },
    now: Instant,
  ): string[] {
    this.#fresh = next < this.#groups ? next : 0
    for (const number of taken) this.#taken.add(number)
    for (const [name, number] of names.slice(-this.#capacity)) {
      if (this.#wild.has(name) || this.#taken.has(number) || number >= this.#groups) continue
      this.#wild.set(name, { number, usedAt: now })
      this.#names.set(number, name)
      this.#taken.add(number)
    }
    return [...this.#wild.keys()]
  }

  /** Number of names that have addresses. */
  get size(): number {
    return this.#names.size
  }

  /**
   * Assigns a number to a normalized name, or returns the one that it has. `isExact`: a resource has this name itself,
   * not by a wildcard.
   */
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
    while (this.#taken.has(this.#fresh)) this.#fresh++
    const number = this.#fresh < this.#groups ? this.#fresh++ : this.#freed.shift()
    if (number === undefined) return { number, isNew: false, forgotten, watch }
    this.#put(name, { number, usedAt: now }, isExact)
    this.#names.set(number, name)
    return { number, isNew: true, forgotten, watch }
  }

  /** Returns the number of a name; undefined if it has none. */
  numberOf(name: string): number | undefined {
    return this.#held(name)?.number
  }

  /** Records that a name has packets. */
  used(name: string, now: Instant): void {
    const held = this.#held(name)
    if (held !== undefined) this.#put(name, { ...held, usedAt: now }, this.#exact.has(name))
  }

  /** Returns the name that an address (4 or 16 bytes) is mapped to; undefined if there is none. */
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

  /** Begins a watch unless one is going on. Returns whether it did. */
  #watchAnew(now: Instant): boolean {
    if (this.#watchedSince !== undefined && now < after(this.#watchedSince, WATCH_MS)) return false
    this.#forgetBefore = this.#watchedSince
    this.#watchedSince = now
    return true
  }

  /**
   * Forgets the name below a wildcard that was unused the longest, and returns it; undefined if none may be forgotten.
   */
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
  /** Time when the name was last asked for, or its first packet in a watch was seen. */
  usedAt: Instant
}

/**
 * Milliseconds of a watch. A gateway forgets a TCP connection that is silent for 2 h 4 min (core/nat; RFC 5382 REQ-5),
 * so a name with live connections has packets in a watch. An application that uses an address after it was freed gets
 * an ICMP error and resolves the name again. The address is not reused before all 524,223 numbers were assigned, which
 * takes 21 h at 65,536 names in each 3 h.
 */
const WATCH_MS = 3 * HOUR

const PER_NAME = 4

/** Returns the addresses of one family for a name's number, as bytes for an answer. */
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

/** Returns the addresses for a name's number, as text. */
export const addressText = (number: number): MappedName => {
  const offsets = Array.from({ length: PER_NAME }, (_, i) => offsetAt(number * PER_NAME + i))
  return {
    ipv4: offsets.map((offset) => `100.${96 | (offset >>> 16)}.${(offset >>> 8) & 0xff}.${offset & 0xff}`),
    ipv6: offsets.map((offset) => `fd00:2021:1111:8000::${lastGroups(offset)}`),
  }
}

/**
 * Whether an address (4 or 16 bytes) is a mapped address or a sentinel: in 100.96.0.0/11, fd00:2021:1111:8000::/107 or
 * fd00:2021:1111:8000:100:100:111:0/120.
 */
export const isMapped = (address: Uint8Array): boolean => {
  if (address.length === 4) return address[0] === 100 && ((address[1] ?? 0) & 0xe0) === 96
  if (startsWith(address, SENTINEL_PREFIX, 15)) return true
  return startsWith(address, IPV6_PREFIX, 13) && (address[13] ?? 0) < 0x20
}

/**
 * Whether packets to an address (4 or 16 bytes) may reach a mapped address or a sentinel: the address is one, or is an
 * IPv6 address with one embedded, which a kernel, a translator or a tunnel would send as IPv4. No legitimate server has
 * such an address: NAT64's well-known prefix is not for addresses that are not global (RFC 6052 §3.1).
 */
export const leadsToMapped = (address: Uint8Array): boolean => isMapped(address) || embeddedIpv4(address).some(isMapped)

const startsWith = (address: Uint8Array, prefix: Uint8Array, length: number): boolean =>
  address.length === 16 && prefix.every((byte, at) => at >= length || address[at] === byte)

// fd00:2021:1111:8000::/107 and fd00:2021:1111:8000:100:100:111:0/120
const IPV6_PREFIX = Uint8Array.of(0xfd, 0, 0x20, 0x21, 0x11, 0x11, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0)
const SENTINEL_PREFIX = Uint8Array.of(0xfd, 0, 0x20, 0x21, 0x11, 0x11, 0x80, 0, 1, 0, 1, 0, 1, 0x11, 0, 0)

// Offsets of mapped addresses in their range, the same in both families: 21 bits, except the first and the last, which
// are no host addresses in IPv4, and except 100.100.111.0/24, which holds the sentinels.
const SENTINELS_AT = ((100 - 96) << 16) | (111 << 8)
const SENTINELS = 256
const GROUPS = Math.floor((2 ** 21 - 2 - SENTINELS) / PER_NAME)

/** Number of names for which there are addresses. */
export const MAPPED_GROUPS = GROUPS

const offsetAt = (host: number): number => (host + 1 < SENTINELS_AT ? host + 1 : host + 1 + SENTINELS)

/** Inverse of `offsetAt`; -1 for the offset of a sentinel. */
const hostAt = (offset: number): number => {
  if (offset < SENTINELS_AT) return offset - 1
  return offset < SENTINELS_AT + SENTINELS ? -1 : offset - 1 - SENTINELS
}

const offsetOf = (address: Uint8Array): number => {
  const [high = 0, middle = 0, low = 0] = address.subarray(-3)
  return ((high & 0x1f) << 16) | (middle << 8) | low
}

/** Formats the last 32 bits of an address after `::`, without leading zeros (RFC 5952 §4). */
const lastGroups = (offset: number): string => {
  const high = offset >>> 16
  return high === 0 ? (offset & 0xffff).toString(16) : `${high.toString(16)}:${(offset & 0xffff).toString(16)}`
}
