import { after, SECOND, type Instant } from '../../core/runtime/time.ts'

/** How long the portal has to say which other gateway there is. What is asked for later finds out for itself. */
const ANSWER_WITHIN_MS = 5 * SECOND

/** Why a resource cannot be reached: the reason's code, and the name of the gateway that there was no way to. */
export interface DeadEnd {
  reason: string
  gateway: string | undefined
}

/**
 * Resources whose gateway was found dead a moment ago, until it is known whether another one serves them. Packets wait for that, rather
 * than being refused while the next gateway of the site would take them.
 */
export class DeadEnds {
  readonly #byResource = new Map<string, { gatewayIds: Set<string>; last: DeadEnd; until: Instant }>()

  /** Notes that no way was found to a gateway of this resource. */
  add(resourceId: string, gatewayId: string, { reason, gateway, now }: DeadEnd & { now: Instant }): void {
    const gatewayIds = this.#fresh(resourceId, now)?.gatewayIds ?? new Set()
    const until = after(now, ANSWER_WITHIN_MS)
    this.#byResource.set(resourceId, { gatewayIds: gatewayIds.add(gatewayId), last: { reason, gateway }, until })
  }

  /** Why nobody should wait any longer, where the portal has granted a gateway that was found dead; undefined where it is another one. */
  granted(resourceId: string, gatewayId: string, now: Instant): DeadEnd | undefined {
    const known = this.#fresh(resourceId, now)
    return known?.gatewayIds.has(gatewayId) === true ? known.last : undefined
  }

  /** Forgets a resource that is served or refused. Returns why it was not reached; undefined where nobody tried lately. */
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
