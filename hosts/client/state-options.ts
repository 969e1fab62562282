import type { Tunnel } from '../../core/contract/tunnel-transport.ts'
import type { KeptNames } from '../../core/dns/kept-names.ts'
import type { ClientFlowsInput, ClientFlowsOutput } from '../../core/flow/client/client-flows.ts'
import type { Lane } from '../../core/flow/lane.ts'
import type { Random } from '../../core/runtime/random.ts'
import type { ReadUpstream } from './names/upstreams.ts'
import type { TunnelRoutes } from './tunnel-routes.ts'

/** Options of `ClientState`. */
export interface ClientStateOptions {
  random: Random
  tunnel: Tunnel
  /** Name of the tunnel transport plugin. */
  transport?: string | undefined
  /** Lane that packets move in; a script lane by default. */
  lane?: Lane<ClientFlowsInput, ClientFlowsOutput>
  /** Reads resolvers that the account names. */
  readUpstream: ReadUpstream
  /** Name or address of the portal; the name is never resolved as a resource's. */
  portalHost?: string
  /** Names of earlier runs, with their mapped addresses. */
  kept?: KeptNames | undefined
  /** URL of the control channel, for messages about problems. */
  portalUrl?: string
  /** MTU of the tunnel device in bytes. */
  mtu?: number | undefined
  /** Routes to keep up to date with the resources; an own instance by default. */
  routes?: TunnelRoutes
}
