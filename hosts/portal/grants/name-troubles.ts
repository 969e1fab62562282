import { isTrouble, type SiteFindings } from '../../../core/dns/site-finding.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'

/** DNS problem with a name of a resource, as last reported by a gateway. */
export interface NameTrouble {
  gatewayId: string
  domain: string
  found: SiteFindings
  at: UnixTime
}

/**
 * DNS problems with resource names, as reported by the gateways of this process. Kept in memory, with a maximum per
 * gateway: the oldest is forgotten first.
 */
export class NameTroubles {
  /** Problems by gateway id, then by resource id and name. */
  readonly #byGateway = new Map<string, Map<string, NameTrouble & { resourceId: string }>>()

  /** Stores a report, or forgets the earlier one if there is no problem any more. `domain` is normalized. */
  put({ resourceId, ...trouble }: NameTrouble & { resourceId: string }): void {
    const { gatewayId, domain, found } = trouble
    const names = this.#byGateway.get(gatewayId) ?? new Map<string, NameTrouble & { resourceId: string }>()
    const key = `${resourceId} ${domain}`
    names.delete(key)
    if (isTrouble(found)) names.set(key, { ...trouble, resourceId })
    const [oldest] = names.keys()
    if (names.size > MAX_NAMES && oldest !== undefined) names.delete(oldest)
    if (names.size === 0) this.#byGateway.delete(gatewayId)
    else this.#byGateway.set(gatewayId, names)
  }

  gatewayRemoved(gatewayId: string): void {
    this.#byGateway.delete(gatewayId)
  }

  /** Returns the problems of a resource, sorted by name. */
  ofResource(resourceId: string): NameTrouble[] {
    return [...this.#byGateway.values()]
      .flatMap((names) => [...names.values()].filter((trouble) => trouble.resourceId === resourceId))
      .sort((a, b) => (a.domain < b.domain ? -1 : a.domain > b.domain ? 1 : a.at - b.at))
  }
}

const MAX_NAMES = 200
