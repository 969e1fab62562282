import { after, SECOND, type Instant } from '../runtime/time.ts'
import { isOneName, type NamedResource } from './resource-names.ts'
import type { SiteSaid } from './site-finding.ts'

/** Milliseconds for which a name counts as missing at its site, as long as a gateway caches its answer (D10). */
const MISSING_FOR_MS = 30 * SECOND
const MAX_MISSING = 4_096

/** Names below wildcards of which sites have said that they have them, or lack them (D13). */
export class KnownAtSites {
  /** Names that a site has; as many as have mapped addresses, at most. */
  readonly #present = new Set<string>()
  /** Time until which a name counts as missing at a resource's site, by `RESOURCE NAME`, earliest first. */
  readonly #missingUntil = new Map<string, Instant>()

  /** Takes what the site of a resource has said of a mapped name. */
  hear({ resourceId, name, said }: { resourceId: string; name: string; said: SiteSaid }, now: Instant): void {
    const key = `${resourceId} ${name}`
    this.#missingUntil.delete(key)
    if (said === 'present') this.#present.add(name)
    if (said !== 'missing') return
    this.#present.delete(name)
    this.#missingUntil.set(key, after(now, MISSING_FOR_MS))
    for (const [oldest, until] of this.#missingUntil) {
      if (until > now && this.#missingUntil.size <= MAX_MISSING) break
      this.#missingUntil.delete(oldest)
    }
  }

  /** Forgets that a site has a name, which has lost its mapped addresses. */
  forget(name: string): void {
    this.#present.delete(name)
  }

  isPresent(name: string): boolean {
    return this.#present.has(name)
  }

  /**
   * Whether every resource that a name may belong to has a wildcard, and its site has reported that the name does not
   * exist.
   */
  isMissing(name: string, owners: readonly NamedResource[], now: Instant): boolean {
    return owners.every((owner) => {
      const until = this.#missingUntil.get(`${owner.id} ${name}`)
      return until !== undefined && until > now && !isOneName(owner)
    })
  }
}
