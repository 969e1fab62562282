import type { PeerId } from '../contract/tunnel-transport.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'

/** Names that are being resolved for one peer. */
const MOST_LOOKUPS = 64
/** A resolution that nobody answered may be asked for again. */
const LOOKUP_TIMEOUT = 10 * SECOND

export interface NameLookup {
  readonly peer: PeerId
  readonly resourceId: string
  readonly domain: string
  /** What the client told last. */
  proxyIps: readonly string[]
  readonly askedAt: Instant
}

/** The names that the gateway waits for: each once for a peer and resource, and a bounded number for each peer. */
export class NameLookups {
  readonly #lookups = new Map<number, NameLookup>()
  #next = 0

  /** The number of a new lookup, or why there is none. */
  ask(
    { peer, resourceId, domain, proxyIps }: Omit<NameLookup, 'askedAt'>,
    now: Instant,
  ): number | 'lookup-waiting' | 'lookups-exhausted' {
    let waiting = 0
    for (const [id, lookup] of this.#lookups) {
      if (now >= after(lookup.askedAt, LOOKUP_TIMEOUT)) this.#lookups.delete(id)
      else if (lookup.peer === peer) {
        waiting++
        if (lookup.resourceId === resourceId && lookup.domain === domain) {
          lookup.proxyIps = proxyIps
          return 'lookup-waiting'
        }
      }
    }
    if (waiting >= MOST_LOOKUPS) return 'lookups-exhausted'
    const id = this.#next++
    this.#lookups.set(id, { peer, resourceId, domain, proxyIps, askedAt: now })
    return id
  }

  /** The lookup that was answered, once. */
  take(id: number): NameLookup | undefined {
    const lookup = this.#lookups.get(id)
    this.#lookups.delete(id)
    return lookup
  }

  forget(peer: PeerId): void {
    for (const [id, lookup] of this.#lookups) if (lookup.peer === peer) this.#lookups.delete(id)
  }
}
