import type { PeerId } from '../../contract/tunnel-transport.ts'
import { after, SECOND, type Instant } from '../../runtime/time.ts'

/** Most names that are being resolved for one client. */
const MAX_LOOKUPS = 64
/** Time after which an unanswered lookup is forgotten, so that the name may be asked for again. */
const LOOKUP_TIMEOUT_MS = 10 * SECOND

/** A pending lookup of a name, for a client's announcement. */
export interface NameLookup {
  readonly peer: PeerId
  readonly resourceId: string
  readonly domain: string
  /** Mapped addresses from the client's last announcement. */
  mappedIps: readonly string[]
  readonly askedAt: Instant
}

/** Pending lookups of names: at most one for a client, resource and name, and a limited number for each client. */
export class NameLookups {
  readonly #lookups = new Map<number, NameLookup>()
  readonly #ofPeer = new Map<PeerId, Set<number>>()
  #next = 0

  /** Adds a lookup. Returns its number, or why there is none. */
  ask(
    { peer, resourceId, domain, mappedIps }: Omit<NameLookup, 'askedAt'>,
    now: Instant,
  ): number | 'lookup-waiting' | 'lookups-exhausted' {
    for (const id of this.#ofPeer.get(peer) ?? []) {
      const lookup = this.#lookups.get(id)
      if (lookup === undefined) continue
      if (now >= after(lookup.askedAt, LOOKUP_TIMEOUT_MS)) this.take(id)
      else if (lookup.resourceId === resourceId && lookup.domain === domain) {
        lookup.mappedIps = mappedIps
        return 'lookup-waiting'
      }
    }
    const waiting = this.#ofPeer.get(peer) ?? new Set()
    if (waiting.size >= MAX_LOOKUPS) return 'lookups-exhausted'
    const id = this.#next++
    this.#lookups.set(id, { peer, resourceId, domain, mappedIps, askedAt: now })
    this.#ofPeer.set(peer, waiting.add(id))
    return id
  }

  /** Removes and returns a lookup that was answered. */
  take(id: number): NameLookup | undefined {
    const lookup = this.#lookups.get(id)
    if (lookup === undefined) return undefined
    this.#lookups.delete(id)
    const waiting = this.#ofPeer.get(lookup.peer)
    waiting?.delete(id)
    if (waiting?.size === 0) this.#ofPeer.delete(lookup.peer)
    return lookup
  }

  forget(peer: PeerId): void {
    for (const id of this.#ofPeer.get(peer) ?? []) this.#lookups.delete(id)
    this.#ofPeer.delete(peer)
  }
}
