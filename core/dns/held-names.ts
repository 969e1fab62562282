import { after, type Instant } from '../runtime/time.ts'
import type { SiteSaid } from './site-finding.ts'

/** Queries for a name that have waited for its sites. */
export interface HeldQueries<Query> {
  readonly name: string
  readonly queries: readonly Query[]
  /** Whether the sites have said whether there is such a name. */
  readonly isSettled: boolean
}

/** Site to ask next about a name. */
export interface NextSite {
  readonly name: string
  readonly resourceId: string
}

/** Queries for names that are answered once the sites of their resources have said whether they have them, or after a time. */
export class HeldNames<Query> {
  /** Names with queries that wait, the first deadline first. */
  readonly #names = new Map<string, HeldName<Query>>()
  readonly #holdMs: number
  #size = 0

  /** `holdMs`: longest time for which a query waits. */
  constructor({ holdMs }: { holdMs: number }) {
    this.#holdMs = holdMs
  }

  /**
   * Holds a query. Returns the site to ask first if no other query waits for this name; undefined if one does;
   * `full` if it is not held.
   */
  hold(name: string, query: Query, resourceIds: readonly string[], now: Instant): NextSite | 'full' | undefined {
    const [resourceId] = resourceIds
    if (resourceId === undefined || this.#size >= MAX_HELD) return 'full'
    this.#size++
    const held = this.#names.get(name)
    if (held !== undefined) {
      held.queries.push(query)
      return undefined
    }
    const endsAt = after(now, this.#holdMs)
    this.#names.set(name, { queries: [query], unheard: [...resourceIds], isUnknown: false, endsAt })
    return { name, resourceId }
  }

  /** Takes what a resource's site has said. Returns the queries to answer, or the site to ask next, if there is one. */
  hear(name: string, resourceId: string, said: SiteSaid): HeldQueries<Query> | NextSite | undefined {
    const held = this.#names.get(name)
    const at = held?.unheard.indexOf(resourceId) ?? -1
    if (held === undefined || at < 0) return undefined
    if (said === 'present') return this.#take(name, held, true)
    held.isUnknown ||= said === 'unknown'
    held.unheard.splice(at, 1)
    const [next] = held.unheard
    if (next === undefined) return this.#take(name, held, !held.isUnknown)
    return at === 0 ? { name, resourceId: next } : undefined
  }

  /** Returns the names that wait for a resource's site. */
  waitingFor(resourceId: string): string[] {
    return [...this.#names].filter(([, { unheard }]) => unheard.includes(resourceId)).map(([name]) => name)
  }

  /** Removes and returns the queries that have waited long enough. */
  takeDue(now: Instant): HeldQueries<Query>[] {
    const due: HeldQueries<Query>[] = []
    for (const [name, held] of this.#names) {
      if (held.endsAt > now) break
      due.push(this.#take(name, held, false))
    }
    return due
  }

  /** Time at which to call `takeDue`; undefined while no query waits. */
  get nextAt(): Instant | undefined {
    for (const { endsAt } of this.#names.values()) return endsAt
    return undefined
  }

  #take(name: string, { queries }: HeldName<Query>, isSettled: boolean): HeldQueries<Query> {
    this.#names.delete(name)
    this.#size -= queries.length
    return { name, queries, isSettled }
  }
}

const MAX_HELD = 1_000

interface HeldName<Query> {
  queries: Query[]
  /** Resources whose sites have said nothing yet, in the order in which they are asked. */
  unheard: string[]
  /** Whether a site could not find out. */
  isUnknown: boolean
  endsAt: Instant
}
