import { DEFAULT_RANGES, type AddressRanges } from '../net/address-ranges.ts'
import type { Instant } from '../runtime/time.ts'
import type { KeptAddresses } from './kept-names.ts'
import { addressText, MappedAddresses } from './mapped-addresses.ts'
import { isOneName, type NamedResource } from './resource-names.ts'

/** Effects of mapping names to addresses. */
export type MappingOutput =
  /**
   * Map these addresses to a name that belongs to these resources, most specific first; to none when it has lost the
   * last one.
   */
  | { type: 'mapName'; domain: string; addresses: readonly string[]; resourceIds: readonly string[] }
  /** An application has asked for a mapped name again. */
  | { type: 'refreshName'; domain: string }
  /** Unmap the addresses of a name that was not used for long, to make room for others. */
  | { type: 'forgetName'; domain: string }
  /** Report by `nameUsed`, once for each name, which mapped names have packets from now on. */
  | { type: 'watchNames' }

/** Names with mapped addresses, and the resources that they belong to. */
export class MappedNames {
  readonly #addresses: MappedAddresses
  readonly #tell: (output: MappingOutput) => void
  /** Resources of each mapped name, as last sent by `mapName`. */
  readonly #owners = new Map<string, readonly NamedResource[]>()
  #changes = 0
  #ranges: AddressRanges = DEFAULT_RANGES

  /** `capacity`: most names below wildcards; `tell` is called with each effect. */
  constructor({ capacity, tell }: { capacity?: number | undefined; tell: (output: MappingOutput) => void }) {
    this.#addresses = new MappedAddresses(capacity === undefined ? {} : { capacity })
    this.#tell = tell
  }

  /** Number of changes of the names that have addresses, so that a caller notices one. */
  get changes(): number {
    return this.#changes
  }

  /** Names with the numbers of their addresses, to be kept for the next run. */
  get kept(): KeptAddresses {
    return this.#addresses.kept
  }

  /** Takes names of an earlier run, before any other name is mapped. `taken` are numbers of other people's names. */
  restore(kept: KeptAddresses & { taken: readonly number[] }, now: Instant): void {
    for (const name of this.#addresses.restore(kept, now)) this.#owners.set(name, [])
  }

  /** Moves all names to the addresses that they have in other ranges, and forgets those for which there is no room. */
  moveTo(ranges: AddressRanges): void {
    this.#ranges = ranges
    for (const name of this.#addresses.moveTo(ranges)) {
      this.#owners.delete(name)
      this.#changes++
      this.#tell({ type: 'forgetName', domain: name })
    }
    for (const [name, owners] of this.#owners) this.#tellMapping(name, owners)
  }

  /** Returns the resources of a mapped name; undefined if it has no addresses. */
  ownersOf(name: string): readonly NamedResource[] | undefined {
    return this.#owners.get(name)
  }

  /** Returns the name that an address (4 or 16 bytes) is mapped to; undefined if there is none. */
  nameOf(address: Uint8Array): string | undefined {
    return this.#addresses.nameOf(address)
  }

  /** Records that a name has packets. */
  used(name: string, now: Instant): void {
    this.#addresses.used(name, now)
  }

  /** Looks up the resources of all mapped names again. */
  resourcesChanged(match: (name: string) => readonly NamedResource[]): void {
    for (const [name, before] of this.#owners) {
      const owners = match(name)
      this.#owners.set(name, owners)
      if (!sameIds(owners, before)) this.#tellMapping(name, owners)
    }
  }

  /**
   * Returns the number of a name's addresses, assigned if it has none, and the name that lost its own to make room; no
   * number if all are taken.
   */
  map(
    name: string,
    owners: readonly NamedResource[],
    now: Instant,
  ): { number: number | undefined; forgotten?: string | undefined } {
    const { number, isNew, forgotten, watch } = this.#addresses.assign(name, { isExact: owners.some(isOneName), now })
    if (watch) this.#tell({ type: 'watchNames' })
    if (number === undefined) return { number }
    if (forgotten !== undefined) {
      this.#owners.delete(forgotten)
      this.#tell({ type: 'forgetName', domain: forgotten })
    }
    if (isNew) {
      this.#changes++
      this.#owners.set(name, owners)
      this.#tellMapping(name, owners)
    } else {
      this.#tell({ type: 'refreshName', domain: name })
    }
    return { number, forgotten }
  }

  #tellMapping(domain: string, owners: readonly NamedResource[]): void {
    const number = this.#addresses.numberOf(domain)
    if (number === undefined) return
    const { ipv4, ipv6 } = addressText(number, this.#ranges)
    const resourceIds = owners.map(({ id }) => id)
    this.#tell({ type: 'mapName', domain, addresses: [...ipv4, ...ipv6], resourceIds })
  }
}

const sameIds = (a: readonly NamedResource[], b: readonly NamedResource[]): boolean =>
  a.length === b.length && a.every(({ id }, at) => id === b[at]?.id)
