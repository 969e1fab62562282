import type { Instant } from '../../../core/runtime/time.ts'
import type { View } from '../decide/view.ts'
import { RateLimiter } from '../../../core/net/rate-limiter.ts'
import type { Client } from '../store/entities.ts'
import type { Grants } from './grants.ts'
import type { Limits } from './limits.ts'

export interface GrantLimitsNeeds {
  view: Pick<View, 'clientsOf'>
  grants: Grants
  limits: Limits
}

/** Burst of new grants that a device may request, in minutes of its sustained rate. */
const BURST_MINUTES = 5

/** Limits the number of grants: each takes several rows, and room at a gateway. */
export class GrantLimits {
  readonly #needs: GrantLimitsNeeds
  readonly #newGrants: RateLimiter

  constructor(needs: GrantLimitsNeeds) {
    this.#needs = needs
    const perMinute = needs.limits.requests_per_minute
    this.#newGrants = new RateLimiter({ perSecond: perMinute / 60, burst: BURST_MINUTES * perMinute })
  }

  /** Returns why a device may not get a grant, as a clause for people; undefined if it may. Counts the request. */
  refusal(
    client: Pick<Client, 'id' | 'actorId' | 'accountId'>,
    { resourceId, gatewayId }: { resourceId: string; gatewayId: string },
    now: Instant,
  ): string | undefined {
    const { grants, limits } = this.#needs
    const isMore = grants.find({ clientId: client.id, resourceId, gatewayId }) === undefined
    const reached = isMore ? this.#reached(client) : undefined
    if (reached !== undefined || this.#newGrants.take(client.id, now).ok) return reached
    return `this device asks for more than ${limits.requests_per_minute} new grants a minute (limits.requests_per_minute)`
  }

  /** Whether a gateway may get another grant: it receives all of them in one message when it connects. */
  hasRoom(gatewayId: string): boolean {
    const { grants, limits } = this.#needs
    return grants.count({ gatewayId }) < limits.grants_per_gateway
  }

  /** Reason why no gateway of a site may get another grant, as a clause for people. */
  get fullGateways(): string {
    const { grants_per_gateway: most } = this.#needs.limits
    return `the gateways of the site have ${most} grants each, which is the maximum (limits.grants_per_gateway)`
  }

  #reached({ id: clientId, actorId, accountId }: Pick<Client, 'id' | 'actorId' | 'accountId'>): string | undefined {
    const { view, grants, limits } = this.#needs
    if (grants.count({ clientId }) >= limits.grants_per_device) {
      return `this device has ${limits.grants_per_device} grants, which is the maximum (limits.grants_per_device)`
    }
    let ofActor = 0
    for (const id of view.clientsOf(actorId)) ofActor += grants.count({ clientId: id })
    if (ofActor >= limits.grants_per_actor) {
      return `the devices of this person or service account have ${limits.grants_per_actor} grants together, which is the maximum (limits.grants_per_actor)`
    }
    if (grants.count({ accountId }) >= limits.grants_per_account) {
      return `the account has ${limits.grants_per_account} grants, which is the maximum (limits.grants_per_account)`
    }
    return undefined
  }
}
