import type { GatewaySelector } from '../../../core/contract/gateway-selector.ts'
import { FEATURES } from '../../../core/control/messages.ts'
import type { Extensions } from '../../../core/contract/extension-point.ts'
import type { Answers } from '../../../core/policy/hearing.ts'
import type { KnownFacts } from '../../../core/policy/known-facts.ts'
import type { Random } from '../../../core/runtime/random.ts'
import { SECOND, type UnixTime } from '../../../core/runtime/time.ts'
import type { Presence, PresentGateway } from '../decide/presence.ts'
import type { Choice } from '../decide/selection.ts'
import { chooseAmong, problemsOf, siteGateways } from '../decide/site-gateways.ts'
import type { View } from '../decide/view.ts'
import type { AccessRequest } from './access-request.ts'
import type { GrantLimits } from './grant-limits.ts'
import type { Grant, Grants } from './grants.ts'

export interface GatewayChoiceNeeds {
  view: View
  presence: Presence
  grants: Grants
  grantLimits: GrantLimits
  selectors: Extensions<GatewaySelector>
  random: Random
}

/** Counts of the gateways of a requested resource's site, and those that may be asked. */
export interface SiteCandidates {
  /** Descriptions of the problems that keep connected gateways from forwarding. */
  problems: readonly string[]
  /** Number of connected gateways without such a problem. */
  healthy: number
  /** Keys of the tunnel transports of the connected gateways. */
  transports: readonly string[]
  /** Number of connected gateways with the client's tunnel transport. */
  sameTransport: number
  /** Number of connected gateways with a compatible version. */
  compatible: number
  /** Number of gateways not yet tried that have no room for another grant. */
  full: number
  /**
   * Compatible gateways with room that this request has not tried and that the client did not report as unreachable.
   */
  free: PresentGateway[]
}

/** Time within which a repeated request is answered with the same gateway. */
const SAME_ANSWER_MS = 10 * SECOND

/** Chooses gateways for requests. */
export class GatewayChoice {
  readonly #needs: GatewayChoiceNeeds

  constructor(needs: GatewayChoiceNeeds) {
    this.#needs = needs
  }

  /** Finds the gateways that may be asked to serve a request, except those already asked. */
  candidates({ connection, wish }: AccessRequest, asked: ReadonlySet<string>, at: UnixTime): SiteCandidates {
    const { grants, grantLimits } = this.#needs
    const about = { resourceId: wish.resource_id, client: connection, clientTransport: connection.transport }
    const { connected: all, healthy, sameTransport, compatible } = siteGateways(this.#needs, about)
    const unreachable = connection.features.has(FEATURES.unreachableGateways) ? wish.unreachable_gateway_ids : undefined
    const dead = new Set(unreachable?.map((id) => id.toLowerCase()))
    const left = compatible.filter(({ id }) => !asked.has(id) && !dead.has(id))
    const wished = { clientId: connection.peerId, resourceId: wish.resource_id }
    const standing = (gatewayId: string): Grant | undefined => grants.find({ ...wished, gatewayId })
    const free = left.filter(({ id }) => grantLimits.hasRoom(id) || standing(id) !== undefined)
    const counts = {
      problems: all.flatMap((gateway) => problemsOf(gateway, this.#needs.view).map(({ said }) => said)),
      healthy: healthy.length,
      transports: [...new Set(healthy.map(({ transport }) => transport))],
      sameTransport: sameTransport.length,
      compatible: compatible.length,
      full: left.length - free.length,
    }
    const connected = new Set(wish.connected_gateway_ids.map((id) => id.toLowerCase()))
    if (free.some(({ id }) => connected.has(id))) return { ...counts, free }
    // A request repeated at once gets the same gateway, even if the selector would now choose another.
    const same = free.find(({ id }) => at - (standing(id)?.row.createdAt ?? -Infinity) < SAME_ANSWER_MS)
    return { ...counts, free: same === undefined ? free : [same] }
  }

  /** Chooses one of the free gateways; returns undefined if the resource's site is gone. */
  choose(
    { connection, wish }: AccessRequest,
    free: readonly [PresentGateway, ...PresentGateway[]],
    { facts, at, answers }: { facts: KnownFacts; at: UnixTime; answers: Answers },
  ): Choice | undefined {
    const connectedIds = wish.connected_gateway_ids.map((id) => id.toLowerCase())
    const { peerId: clientId, roundTrips } = connection
    const about = { resourceId: wish.resource_id, clientId, connectedIds, facts, roundTrips, at }
    return chooseAmong(free, about, this.#needs, answers)
  }

  /** Whether a gateway belongs to the site of a requested resource. */
  isAtSite({ siteId }: PresentGateway, { wish }: AccessRequest): boolean {
    return this.#needs.view.get('resources', wish.resource_id)?.siteId === siteId
  }

  /** Whether a gateway is connected. */
  isConnected(gatewayId: string): boolean {
    return this.#needs.presence.gateway(gatewayId) !== undefined
  }
}
