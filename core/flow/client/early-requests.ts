import { after, MINUTE, type Instant } from '../../runtime/time.ts'

/** Time in which questions request access to a resource once. */
const INTERVAL_MS = MINUTE
/** Most resources that questions request access to in that time. */
const MAX_RESOURCES = 8

/**
 * Bound of the requests for access that DNS questions cause before any packet: browsers look up many names that are
 * never used.
 */
export class EarlyRequests {
  /** Times of the requests of the last interval, by resource. */
  readonly #requestedAt = new Map<string, Instant>()

  /** Returns whether a question may request access to a resource, and counts the request. */
  take(resourceId: string, now: Instant): boolean {
    for (const [id, at] of this.#requestedAt) if (now >= after(at, INTERVAL_MS)) this.#requestedAt.delete(id)
    if (this.#requestedAt.has(resourceId) || this.#requestedAt.size >= MAX_RESOURCES) return false
    this.#requestedAt.set(resourceId, now)
    return true
  }
}
