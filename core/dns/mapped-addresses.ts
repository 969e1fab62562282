import { addressAt, DEFAULT_RANGES, offsetIn, sizeOf, type AddressRanges } from '../net/address-ranges.ts'
import { embeddedIpv4 } from '../net/embedded-ipv4.ts'
import { formatAddress } from '../net/ip-address.ts'
import { isInRange } from '../net/reserved-range.ts'
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
  readonly #mostNames: number
  readonly #mostGroups: number
  #capacity: number
  #groups: number
  #ranges: AddressRanges = DEFAULT_RANGES
  #fresh = 0
  /** Numbers that are not fresh, whatever `#fresh` says: those of names of an earlier run, and of other people's. */
  readonly #taken = new Set<number>()
  /** Numbers of forgotten names, the first freed first. */
  readonly #freed: number[] = []
  #watchedSince: Instant | undefined
  /** Beginning of the last whole watch: a name below a wildcard that was last used before it may be forgotten. */
  #forgetBefore: Instant | undefined

  constructor({ capacity = 65_536, groups = MAPPED_GROUPS }: MappedAddressesOptions = {}) {
    this.#mostGroups = groups
    this.#mostNames = capacity
    this.#groups = Math.min(groups, MAPPED_GROUPS)
    this.#capacity = Math.min(capacity, this.#groups)
  }

  /**
   * Moves all names to other ranges, where each keeps its number. Returns the names that have lost their addresses, as the
   * ranges are too small for their numbers.
   */
  moveTo(ranges: AddressRanges): string[] {
    this.#ranges = ranges
    this.#groups = Math.min(this.#mostGroups, groupsIn(ranges))
    this.#capacity = Math.min(this.#mostNames, this.#groups)
    const lost = [...this.#names].filter(([number]) => number >= this.#groups)
    for (const [number, name] of lost) {
      this.#names.delete(number)
      this.#wild.delete(name)
      this.#exact.delete(name)
    }
    for (let at = this.#freed.length - 1; at >= 0; at--)
      if ((this.#freed[at] ?? 0) >= this.#groups) this.#freed.splice(at, 1)
    return lost.map(([, name]) => name)
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
    const range = this.#ranges.mapped[address.length === 4 ? 0 : 1]
    if (!isInRange([range], address)) return undefined
    const host = hostAt(offsetIn(range, address), this.#ranges)
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
export const addressBytes = (
  number: number,
  family: 'ipv4' | 'ipv6',
  ranges: AddressRanges = DEFAULT_RANGES,
): Uint8Array[] =>
  Array.from({ length: PER_NAME }, (_, i) =>
    addressAt(ranges.mapped[family === 'ipv4' ? 0 : 1], offsetAt(number * PER_NAME + i, ranges)),
  )

/** Returns the addresses for a name's number, as text. */
export const addressText = (number: number, ranges: AddressRanges = DEFAULT_RANGES): MappedName => {
  const texts = (family: 'ipv4' | 'ipv6') => addressBytes(number, family, ranges).map((bytes) => formatAddress(bytes))
  return { ipv4: texts('ipv4'), ipv6: texts('ipv6') }
}

/** Whether an address (4 or 16 bytes) is a mapped address or a sentinel. */
export const isMapped = (
  address: Uint8Array,
  { mapped, sentinels }: Pick<AddressRanges, 'mapped' | 'sentinels'> = DEFAULT_RANGES,
): boolean => isInRange(mapped, address) || isInRange(sentinels, address)

/**
 * Whether packets to an address (4 or 16 bytes) may reach a mapped address or a sentinel: the address is one, or is an
 * IPv6 address with one embedded, which a kernel, a translator or a tunnel would send as IPv4. No legitimate server has
 * such an address: NAT64's well-known prefix is not for addresses that are not global (RFC 6052 §3.1).
 */
export const leadsToMapped = (address: Uint8Array, ranges: AddressRanges = DEFAULT_RANGES): boolean =>
  isMapped(address, ranges) || embeddedIpv4(address).some((ipv4) => isMapped(ipv4, ranges))

const SENTINELS = 256

// Offsets of mapped addresses in their range are the same in both families: all of the IPv4 range, except the first and
// the last, which are no host addresses in IPv4, and except the sentinels.
const groupsIn = ({ mapped: [ipv4] }: AddressRanges): number => Math.floor((sizeOf(ipv4) - 2 - SENTINELS) / PER_NAME)

/** Most names for which there are addresses, in the largest range. */
export const MAPPED_GROUPS = groupsIn(DEFAULT_RANGES)

const sentinelsAt = ({ mapped: [mapped], sentinels: [sentinels] }: AddressRanges): number =>
  offsetIn(mapped, sentinels.address)

const offsetAt = (host: number, ranges: AddressRanges): number =>
  host + 1 < sentinelsAt(ranges) ? host + 1 : host + 1 + SENTINELS

/** Inverse of `offsetAt`; -1 for the offset of a sentinel. */
const hostAt = (offset: number, ranges: AddressRanges): number => {
  const at = sentinelsAt(ranges)
  if (offset < at) return offset - 1
  return offset < at + SENTINELS ? -1 : offset - 1 - SENTINELS
}
