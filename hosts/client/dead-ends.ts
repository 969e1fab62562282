import type { PathSearch } from '../../core/ice/path-search.ts'
import { after, SECOND, type Instant } from '../../core/runtime/time.ts'

/** Time within which the portal must name another gateway after one was not reached. */
const ANSWER_WITHIN_MS = 5 * SECOND

/** Failure to reach a resource. */
export interface DeadEnd {
  /** Code of the reason. */
  reason: string
  /** Name of the gateway that was not reached. */
  gateway: string | undefined
  search: PathSearch | undefined
}

/**
 * Resources whose gateway was not reached a moment ago, until it is known whether another gateway serves them. Their
 * packets wait until then instead of being refused.
 */
export class DeadEnds {
  readonly #byResource = new Map<string, { gatewayIds: Set<string>; last: DeadEnd; until: Instant }>()

  /** Notes that no path was found to a gateway of a resource. */
  add(resourceId: string, gatewayId: string, { reason, gateway, search, now }: DeadEnd & { now: Instant }): void {
    const gatewayIds = this.#fresh(resourceId, now)?.gatewayIds ?? new Set()
    const until = after(now, ANSWER_WITHIN_MS)
    this.#byResource.set(resourceId, {
      gatewayIds: gatewayIds.add(gatewayId),
      last: { reason, gateway, search },
      until,
    })
  }

  /**
   * Returns the failure if the portal has granted a gateway that was just not reached, so that packets need not wait;
   * else undefined.
   */
  granted(resourceId: string, gatewayId: string, now: Instant): DeadEnd | undefined {
    const known = this.#fresh(resourceId, now)
    return known?.gatewayIds.has(gatewayId) === true ? known.last : undefined
  }

  /** Forgets a resource that is served or denied. Returns its recent failure, if any. */
  take(resourceId: string, now: Instant): DeadEnd | undefined {
    const known = this.#fresh(resourceId, now)
    this.#byResource.delete(resourceId)
    return known?.last
  }

  #fresh(resourceId: string, now: Instant) {
    const known = this.#byResource.get(resourceId)
    return known !== undefined && now < known.until ? known : undefined
  }
}
