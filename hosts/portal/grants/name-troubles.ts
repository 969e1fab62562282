import { isTrouble, type SiteFindings } from '../../../core/dns/site-finding.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'

/** What a gateway last said of a name of a resource that its site has trouble with. */
export interface NameTrouble {
  gatewayId: string
  domain: string
  found: SiteFindings
  at: UnixTime
}

/** Trouble with names, as the gateways of this process say it. In memory, bounded by gateway: the oldest is forgotten first. */
export class NameTroubles {
  /** By gateway, then by resource and name. */
  readonly #byGateway = new Map<string, Map<string, NameTrouble & { resourceId: string }>>()

  /** Where there is no trouble, what was said before is forgotten. `domain` is normalized. */
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

  /** By name. */
  ofResource(resourceId: string): NameTrouble[] {
    return [...this.#byGateway.values()]
      .flatMap((names) => [...names.values()].filter((trouble) => trouble.resourceId === resourceId))
      .sort((a, b) => (a.domain < b.domain ? -1 : a.domain > b.domain ? 1 : a.at - b.at))
  }
}

const MAX_NAMES = 200
