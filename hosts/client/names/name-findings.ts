import { findingText } from '../../../core/dns/finding-text.ts'
import type { SiteFinding, SiteFindings } from '../../../core/dns/site-finding.ts'

/** Name that a site cannot resolve properly, as printed by `portreeve client status --json`. */
export interface NameStatus {
  name: string
  resource_id: string
  /** Code of the outcome of the site's look-up of IPv4 addresses. */
  ipv4: SiteFinding
  /** Code of the outcome of the site's look-up of IPv6 addresses. */
  ipv6: SiteFinding
  /** Explanation of both outcomes for people. */
  why: string
}

/**
 * Names of resources that sites cannot resolve properly, as last reported by gateways. Bounded; the oldest is forgotten
 * first.
 */
export class NameFindings {
  readonly #names = new Map<string, { resourceId: string; found: SiteFindings }>()

  /** Notes the outcome of a look-up; undefined removes the name, as its trouble is over. */
  put(domain: string, resourceId: string, found: SiteFindings | undefined): void {
    this.#names.delete(domain)
    if (found === undefined) return
    this.#names.set(domain, { resourceId, found })
    const [oldest] = this.#names.keys()
    if (this.#names.size > MAX_NAMES && oldest !== undefined) this.#names.delete(oldest)
  }

  get(domain: string): SiteFindings | undefined {
    return this.#names.get(domain)?.found
  }

  /** Forgets names of resources that do not exist, as `isThere` says. */
  keepResources(isThere: (resourceId: string) => boolean): void {
    for (const [domain, { resourceId }] of this.#names) if (!isThere(resourceId)) this.#names.delete(domain)
  }

  status(): NameStatus[] {
    return [...this.#names].map(([name, { resourceId, found }]) => ({
      name,
      resource_id: resourceId,
      ipv4: found.ipv4,
      ipv6: found.ipv6,
      why: findingText(name, found),
    }))
  }
}

const MAX_NAMES = 200
