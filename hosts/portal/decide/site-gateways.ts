import type { GatewaySelector } from '../../../core/contract/gateway-selector.ts'
import type { Extensions } from '../../../core/contract/extension-point.ts'
import type { Answers } from '../../../core/policy/hearing.ts'
import type { KnownFacts } from '../../../core/policy/known-facts.ts'
import type { Random } from '../../../core/runtime/random.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import { candidateFacts, type MeasuredRoundTrip } from './candidate-facts.ts'
import type { GatewayProblem, PresentGateway, Presence } from './presence.ts'
import { chooseGateway, type Candidate, type Choice } from './selection.ts'
import { isCompatible, type ProductVersion } from './product.ts'
import type { View } from './view.ts'

/** Connected gateways of a resource's site, and the ones among them whose version is compatible with a client. */
export interface SiteGateways {
  connected: PresentGateway[]
  /** Connected gateways whose machines report no problem that keeps them from forwarding. */
  healthy: PresentGateway[]
  /** Healthy gateways with the client's tunnel transport, whatever their version. */
  sameTransport: PresentGateway[]
  compatible: PresentGateway[]
}

/** Facts and plugins used to choose a gateway of a site. */
export interface SiteKnowledge {
  view: Pick<View, 'get'>
  presence: Pick<Presence, 'gatewaysOf'>
  /** Number of clients that hold a grant at a gateway. */
  grants: { clientsOn: (gatewayId: string) => number }
  selectors: Extensions<GatewaySelector>
  random: Random
}

/**
 * Finds the gateways that may serve a resource to a client with this version and tunnel transport; an unknown transport
 * fits every gateway.
 */
export const siteGateways = (
  { view, presence }: Pick<SiteKnowledge, 'view' | 'presence'>,
  {
    resourceId,
    client,
    clientTransport,
  }: { resourceId: string; client: ProductVersion; clientTransport: string | undefined },
): SiteGateways => {
  const connected = presence.gatewaysOf(view.get('resources', resourceId)?.siteId ?? '')
  const healthy = connected.filter((gateway) => problemsOf(gateway, view).length === 0)
  const sameTransport = healthy.filter(
    ({ transport }) => clientTransport === undefined || transport === clientTransport,
  )
  return {
    connected,
    healthy,
    sameTransport,
    compatible: sameTransport.filter((gateway) => isCompatible(client, gateway)),
  }
}

/** Problem of a gateway whose version knows the usual address ranges only, in an account that has others. */
const RANGES_UNKNOWN: GatewayProblem = {
  code: 'address_ranges_unknown',
  said: 'its version does not know address ranges of the account’s own (`address_ranges`)',
}

/** Returns why a connected gateway is not chosen. */
export const problemsOf = (
  { siteId, problems = [], heedsRanges }: PresentGateway,
  view: Pick<View, 'get'>,
): readonly GatewayProblem[] => {
  const accountId = view.get('sites', siteId)?.accountId ?? ''
  const isUsual = (view.get('accounts', accountId)?.addressRanges ?? null) === null
  return isUsual || heedsRanges === true ? problems : [...problems, RANGES_UNKNOWN]
}

/**
 * Chooses the gateway that serves a resource to a client, with the reason; one that could not forward until a moment ago
 * only where there is no other. Returns undefined if the resource or its site was removed.
 */
export const chooseAmong = (
  gateways: readonly [PresentGateway, ...PresentGateway[]],
  about: {
    resourceId: string
    clientId: string
    connectedIds: readonly string[]
    facts: KnownFacts
    /** Round trips that the client measured, by gateway id. */
    roundTrips?: ReadonlyMap<string, MeasuredRoundTrip> | undefined
    at: UnixTime
  },
  known: SiteKnowledge,
  answers?: Answers,
): Choice | undefined => {
  const resource = known.view.get('resources', about.resourceId)
  const site = resource === undefined ? undefined : known.view.get('sites', resource.siteId)
  if (site === undefined) return undefined
  const [first = gateways[0], ...others] = steadyAmong(gateways)
  const candidate = (gateway: PresentGateway): Candidate => ({
    id: gateway.id,
    name: gateway.name,
    facts: candidateFacts(gateway, {
      clients: known.grants.clientsOn(gateway.id),
      roundTrip: about.roundTrips?.get(gateway.id),
      at: about.at,
    }),
  })
  return chooseGateway({ site, candidates: [candidate(first), ...others.map(candidate)], ...about }, known, answers)
}

const steadyAmong = (gateways: readonly PresentGateway[]): readonly PresentGateway[] => {
  const steady = gateways.filter(({ isRecovering }) => isRecovering !== true)
  return steady.length === 0 ? gateways : steady
}
