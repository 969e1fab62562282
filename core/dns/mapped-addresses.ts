/** The addresses that stand for one name: 4 of each family, canonical text. */
export interface MappedName {
  ipv4: readonly string[]
  ipv6: readonly string[]
}

/**
 * Hands out the addresses by which applications on this machine reach names of resources. A name has the same ones for the life of
 * the process and no two names share one; they are never handed out again.
 *
 * A name is a number n, counted up; its addresses follow from n, and n from an address, so that only the names are kept.
 */
export class MappedAddresses {
  readonly #numbers = new Map<string, number>()
  readonly #names: string[] = []
  readonly #capacity: number

  /** `capacity` bounds the memory that an application can use up by asking for ever new names below a wildcard. */
  constructor({ capacity = 65_536 }: { capacity?: number } = {}) {
    this.#capacity = Math.min(capacity, GROUPS)
  }

  /** How many names have addresses. */
  get size(): number {
    return this.#names.length
  }

  /** The number of a name: an old one if it has one, else a new one; undefined where none is left. `name` is normalized. */
  assign(name: string): { number: number; isNew: boolean } | undefined {
    const known = this.#numbers.get(name)
    if (known !== undefined) return { number: known, isNew: false }
    const number = this.#names.length
    if (number >= this.#capacity) return undefined
    this.#numbers.set(name, number)
    this.#names.push(name)
    return { number, isNew: true }
  }

  /** The name that an address stands for. Takes the address's bytes, 4 or 16. */
  nameOf(address: Uint8Array): string | undefined {
    if (!isMapped(address)) return undefined
    const host = hostAt(offsetOf(address))
    return host < 0 ? undefined : this.#names[Math.floor(host / PER_NAME)]
  }
}

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
 * within it, which a kernel (::ffff:0:0/96) or a translator (::/96, 64:ff9b::/96) sends as IPv4. Such addresses are no others' by right: the
 * well-known prefix is not for addresses that are not global (RFC 6052 §3.1).
 */
export const leadsToMapped = (address: Uint8Array): boolean =>
  isMapped(address) || (IPV4_WITHIN.some((prefix) => startsWith(address, prefix, 12)) && isMapped(address.subarray(12)))

const startsWith = (address: Uint8Array, prefix: Uint8Array, length: number): boolean =>
  address.length === 16 && prefix.every((byte, at) => at >= length || address[at] === byte)

// ::ffff:0:0/96, ::/96 and 64:ff9b::/96
const IPV4_WITHIN = [
  Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff),
  new Uint8Array(12),
  Uint8Array.of(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0),
]

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
