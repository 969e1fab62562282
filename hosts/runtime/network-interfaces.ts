import { networkInterfaces } from 'node:os'
import { canonicalAddress } from '../../core/net/ip-address.ts'
import type { DeviceAddress, LinkKind, NetworkInterfaces } from '../../core/runtime/network-interfaces.ts'
import { readLinkKinds } from './linux/link-kinds.ts'
import { watchNetwork } from './linux/stirs.ts'

/** Polling interval, for a machine without `ip monitor`: reading all interfaces takes some microseconds. */
const LOOK_EVERY_MS = 1_000
/** Time for the kernel's events about one change to end, before the interfaces are read. */
const SETTLE_MS = 20
/**
 * Number of looks after which kinds are read again though no address has changed and the kernel has told of nothing: a
 * default route may have changed. Reading them takes long where there are hundreds of bridges.
 */
const LOOKS_PER_READING = 30
const RANKS = { uplink: 0, link: 1, bridge: 2 } as const

interface NetworkSources {
  kinds: () => (device: string) => LinkKind
  events: (changed: () => void) => () => void
}

/** Addresses of this machine's interfaces, with changes found by the kernel's events and by polling. */
export class SystemNetworkInterfaces implements NetworkInterfaces {
  readonly #kinds: NetworkSources['kinds']
  readonly #events: NetworkSources['events']
  #known = ''
  #looks = 0
  /** Whether the kernel has told of a change, which may be one of default routes, since kinds were read. */
  #isDoubted = false
  #found: readonly DeviceAddress[] = []

  /** `kinds` reads the kinds of devices, `events` listens to the kernel: those of this machine by default. */
  constructor({ kinds = readLinkKinds, events = watchNetwork }: Partial<NetworkSources> = {}) {
    this.#kinds = kinds
    this.#events = events
  }

  addresses(except: string): readonly DeviceAddress[] {
    const all = Object.entries(networkInterfaces()).flatMap(([device, infos = []]) =>
      device === except ? [] : infos.flatMap(({ address }) => ({ device, address: canonicalAddress(address) ?? '' })),
    )
    const known = JSON.stringify(all)
    if (known === this.#known && !this.#isDoubted && ++this.#looks < LOOKS_PER_READING) return this.#found
    this.#known = known
    this.#looks = 0
    this.#isDoubted = false
    const kindOf = this.#kinds()
    const kinds = new Map<string, LinkKind>()
    for (const { device } of all) if (!kinds.has(device)) kinds.set(device, kindOf(device))
    this.#found = all
      .flatMap((one) => (one.address === '' ? [] : { ...one, kind: kinds.get(one.device) ?? 'link' }))
      .toSorted((a, b) => RANKS[a.kind] - RANKS[b.kind])
    return this.#found
  }

  watch(changed: () => void): () => void {
    const timer = setInterval(changed, LOOK_EVERY_MS)
    let settling: NodeJS.Timeout | undefined
    const unwatch = this.#events(() => {
      this.#isDoubted = true
      settling ??= setTimeout(() => {
        settling = undefined
        changed()
      }, SETTLE_MS)
    })
    return () => {
      unwatch()
      clearInterval(timer)
      clearTimeout(settling)
    }
  }
}
