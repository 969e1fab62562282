import type { FactSource } from './fact-source.ts'
import type { GatewaySelector } from './gateway-selector.ts'
import type { IdentityProvider } from './identity-provider.ts'
import type { PolicyCondition } from './policy-condition.ts'
import type { RelayProvider } from './relay-provider.ts'
import type { TunnelTransport } from './tunnel-transport.ts'
import type { UpstreamResolver } from './upstream-resolver.ts'

/**
 * Interface that a plugin implements at each extension point. `Settings`, `Known`, `OfCandidate`, `Keep` and
 * `Value` are the types of the settings, the facts of the request, the facts of a candidate gateway, the kept state and
 * the brought fact that the plugin declares. A new extension point is a line here and one in `Rules` of core/plugin/define-plugin.ts.
 */
export interface Contracts<Settings, Known, OfCandidate, Keep, Value> {
  'identity-providers': IdentityProvider<Settings, Keep>
  'policy-conditions': PolicyCondition<Settings, Known>
  'upstream-resolvers': UpstreamResolver<Settings>
  'gateway-selectors': GatewaySelector<Settings, Known, OfCandidate>
  'tunnel-transports': TunnelTransport
  'fact-sources': FactSource<Value>
  'relay-providers': RelayProvider
}

/** Name of an extension point, as errors print it. */
export type PointName = keyof Contracts<unknown, object, object, object, unknown>

/** Settings of an implementation that declares no schema for them: an object without members. */
export interface NoSettings {
  readonly __noSettings?: never
}

/** Kept state of an identity provider that declares no schema for it: an object without members. */
export interface NoKeep {
  readonly __noKeep?: never
}
