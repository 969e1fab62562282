import type { GatewaySelector } from '../../../../core/contract/gateway-selector.ts'
import type { IdentityProvider } from '../../../../core/contract/identity-provider.ts'
import type { PolicyCondition } from '../../../../core/contract/policy-condition.ts'
import type { Extensions } from '../../../../core/contract/extension-point.ts'
import type { DescribedPlugin } from '../../../../core/plugin/described-plugin.ts'
import type { Clock } from '../../../../core/runtime/clock.ts'
import type { Random } from '../../../../core/runtime/random.ts'
import type { ClientPaths } from '../../decide/client-paths.ts'
import type { GatewayMachine } from '../../decide/presence.ts'
import type { HeardDecisions } from '../../explain/heard-decisions.ts'
import type { RelayStanding } from '../../relays/relay-standing.ts'
import type { RefusedCalls } from '../../store/refused-calls.ts'
import type { Store } from '../../store/store.ts'
import type { Tokens } from '../../identity/tokens.ts'

/** Parts of the portal that the API's operations use. */
export interface ApiParts {
  store: Store
  tokens: Tokens
  clock: Clock
  random: Random
  providers: Extensions<IdentityProvider>
  conditions: Extensions<PolicyCondition>
  selectors: Extensions<GatewaySelector>
  /** Resolver plugins, of which the portal uses the schemas only. */
  resolvers: Extensions<unknown>
  /** Plugins that the portal has loaded. */
  plugins: readonly DescribedPlugin[]
  /** Whether a client or a gateway has its control channel open. */
  isConnected: (id: string) => boolean
  /** Returns the ids of all clients and gateways whose control channel is open, of all accounts. */
  connectedIds: () => readonly string[]
  /** Returns what is known of a connected gateway's machine; undefined if the gateway is not connected. */
  machineOf: (gatewayId: string) => GatewayMachine | undefined
  /** Paths of connected clients, as they report them. */
  paths: Pick<ClientPaths, 'ofClient' | 'onGateway'>
  decisions: HeardDecisions
  /** Returns all relays, and whether they answer. */
  relays: () => readonly RelayStanding[]
  /** URL at which browsers reach the portal, without a slash at the end. */
  publicUrl: string
  refusedCalls: Pick<RefusedCalls, 'add'>
  /** The portal's secret key, 32 bytes. */
  key: Uint8Array
}
