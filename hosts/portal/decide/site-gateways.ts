import type { GatewayCandidate } from '../../../core/contract/gateway-selector.ts'
import type { PresentGateway } from '../../../core/presence/presence.ts'
import { isCompatible } from '../grants/connections.ts'
import type { Context } from '../grants/context.ts'
import { chooseGateway, type Choice } from './selection.ts'

/** The gateways of a resource's site that are there, and of these the ones that a client understands. */
export interface SiteGateways {
  healthy: PresentGateway[]
  compatible: PresentGateway[]
}

type Known = Pick<Context, 'view' | 'presence' | 'grants' | 'selectors' | 'random'>

export const siteGateways = (
  { view, presence }: Known,
  { resourceId, clientVersion }: { resourceId: string; clientVersion: string },
): SiteGateways => {
  const healthy = presence.gatewaysOf(view.get('resources', resourceId)?.siteId ?? '')
  return { healthy, compatible: healthy.filter(({ version }) => isCompatible(clientVersion, version)) }
}

/** Which of the gateways would serve, and why. Undefined where the resource has no site any more. */
export const chooseAmong = (
  [first, ...others]: readonly [PresentGateway, ...PresentGateway[]],
  about: { resourceId: string; clientId: string; connectedIds: readonly string[] },
  known: Known,
): Choice | undefined => {
  const resource = known.view.get('resources', about.resourceId)
  const site = resource === undefined ? undefined : known.view.get('sites', resource.siteId)
  if (site === undefined) return undefined
  const candidate = ({ id, name, version }: PresentGateway): GatewayCandidate => ({
    id,
    name,
    version,
    connectedClients: known.grants.clientsOn(id),
  })
  return chooseGateway({ site, candidates: [candidate(first), ...others.map(candidate)], ...about }, known)
}
