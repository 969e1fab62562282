import type { GatewaySelector } from './gateway-selector.ts'
import type { IdentityProvider } from './identity-provider.ts'
import type { PolicyCondition } from './policy-condition.ts'
import type { TunnelTransport } from './tunnel-transport.ts'
import type { UpstreamResolver } from './upstream-resolver.ts'

/**
 * Implementation that has to be provided at each extension point, for the settings, the facts and the kept state that were declared.
 * A new extension point is a line here and one in `Rules` of core/plugin/define-plugin.ts.
 */
export interface Contracts<Settings, Known, OfCandidate, Keep> {
  'identity-providers': IdentityProvider<Settings, Keep>
  'policy-conditions': PolicyCondition<Settings, Known>
  'upstream-resolvers': UpstreamResolver
  'gateway-selectors': GatewaySelector<Settings, Known, OfCandidate>
  'tunnel-transports': TunnelTransport
}

export type PointName = keyof Contracts<unknown, object, object, object>

/** Settings of what is provided without a schema: none. */
export interface NoSettings {
  readonly __noSettings?: never
}

/** State between the steps of a sign-in whose provider declares no schema for it: none. */
export interface NoKeep {
  readonly __noKeep?: never
}
