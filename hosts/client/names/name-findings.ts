import { findingText } from '../../../core/dns/finding-text.ts'
import type { SiteFinding, SiteFindings } from '../../../core/dns/site-finding.ts'

/** A name that its site has trouble with, as `portreeve client status --json` prints it. */
export interface NameStatus {
  name: string
  resource_id: string
  /** The outcome of the site's look-up of each family's addresses: a code. */
  ipv4: SiteFinding
  ipv6: SiteFinding
  /** The same in words. */
  why: string
}

/** The names of resources that their sites have trouble with, as their gateways last said. Bounded: the oldest is forgotten first. */
export class NameFindings {
  readonly #names = new Map<string, { resourceId: string; found: SiteFindings }>()

  /** `found` is absent where there is no trouble any more. */
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

  /** Forgets names of resources that are not there any more. */
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
