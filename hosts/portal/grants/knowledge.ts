import type { GatewaySelector } from '../../../core/contract/gateway-selector.ts'
import type { Extensions } from '../../../core/contract/extension-point.ts'
import type { Random } from '../../../core/runtime/random.ts'
import type { Instant, UnixTime } from '../../../core/runtime/time.ts'
import type { BroughtFacts } from '../decide/brought-facts.ts'
import type { ClientPaths } from '../decide/client-paths.ts'
import type { FactAges } from '../decide/fact-ages.ts'
import type { Presence } from '../decide/presence.ts'
import type { View } from '../decide/view.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import type { Grants } from './grants.ts'
import type { Limits } from './limits.ts'
import type { NameTroubles } from './name-troubles.ts'
import type { RelayOffers } from './relay-offers.ts'
import type { Whereabouts } from './whereabouts.ts'

/** Read-only state of the portal's machine, for explanations. */
export interface Knowledge {
  ages: Pick<FactAges, 'since'>
  brought: Pick<BroughtFacts, 'find'>
  view: View
  presence: Pick<Presence, 'gatewaysOf'>
  peers: Pick<ConnectedPeers, 'client' | 'gateway'>
  relayOffers: Pick<RelayOffers, 'offeredTo'>
  whereabouts: Pick<Whereabouts, 'get'>
  grants: Pick<Grants, 'ofClient' | 'clientsOn'>
  clientPaths: Pick<ClientPaths, 'ofClient'>
  nameTroubles: Pick<NameTroubles, 'ofResource'>
  limits: Pick<Limits, 'placeMs'>
  selectors: Extensions<GatewaySelector>
  random: Random
  unixAt: (now: Instant) => UnixTime
}
