import { token, type Token } from '../di.ts'
import type { Contracts, PointName } from './contracts.ts'
import type { Reads } from './facts.ts'
import type { KeptState } from './identity-provider.ts'

/**
 * One kind of extension that plugins provide. `token` leads to those of the loaded plugins, by key, in a host's
 * container.
 */
export interface ExtensionPoint<Name extends PointName = PointName, Value = Provided<Name>> {
  readonly name: Name
  readonly token: Token<Extensions<Value>>
  /** Whether the host uses only the schemas of implementations: it creates none, and needs none of their ports. */
  readonly isDescribedOnly?: boolean
}

/** Any extension point of a host. */
export type HostPoint = ExtensionPoint<PointName, unknown>

/** Implementation of an extension point as its host calls it: the types of its settings and facts are unknown there. */
export type Provided<Name extends PointName> = Contracts<unknown, object, object, KeptState, unknown>[Name]

/** Implementations that the loaded plugins provide at one extension point, by key. */
export type Extensions<T> = ReadonlyMap<string, Extension<T>>

/** Implementation that a plugin provides, with the plugin's declarations about it. */
export interface Extension<T> {
  readonly key: string
  /** Name of the plugin that provides it. */
  readonly plugin: string
  /** Version of the plugin; recorded with the decisions that it takes part in. */
  readonly version: string
  readonly value: T
  /** Validates and describes the account's settings for the implementation. */
  readonly settings: SettingsSchema
  /** Facts of the request that the implementation reads, by the plugin's own names for them. */
  readonly facts: DeclaredFacts
  /** Facts of each candidate gateway that the implementation reads, by the plugin's own names for them. */
  readonly candidateFacts: DeclaredFacts
  /** Validates the state that an identity provider keeps between the steps of a sign-in. */
  readonly keep: SettingsSchema
  /**
   * Whether a condition or selector runs in a thread of its own: its `value` throws, and it is asked through a `Hearing`
   * (core/policy). Absent: it does not.
   */
  readonly isIsolated?: boolean
  /** Fact that a fact source brings; absent at other extension points. */
  readonly brings?: BroughtFact | undefined
}

/** Declaration of a fact source about its fact. */
export interface BroughtFact {
  readonly fact: Reads<unknown>
  readonly schema: SettingsSchema
  /** Interval of refreshes. */
  readonly everyMs: number
  /** Time for which a snapshot is believed when no other comes. */
  readonly goodForMs: number
}

/** Facts that an implementation reads, by the plugin's own names for them. */
export type DeclaredFacts = Readonly<Record<string, Reads<unknown>>>

/** Schema that a plugin declares, as hosts use it. */
export interface SettingsSchema {
  /**
   * Validates a value. Never throws: an error of the plugin's code is a problem like any other. Accepted settings are a
   * frozen copy.
   */
  safeParse: (value: unknown) => SettingsVerdict
  /** JSON Schema (2020-12) of the settings; secrets, at whatever depth, have `writeOnly: true`. */
  jsonSchema: () => Record<string, unknown>
}

/** Validated settings, or everything that is wrong with the value. */
export type SettingsVerdict = { ok: true; settings: unknown } | { ok: false; problems: readonly SettingsProblem[] }

/** One thing that is wrong with settings. */
export interface SettingsProblem {
  /** Path of the member that is wrong: `hours[0].from`; empty or `(top)` for the whole. */
  path: string
  message: string
}

const extensionPoint = <Name extends PointName>(name: Name): ExtensionPoint<Name> => ({
  name,
  token: token(`extensions/${name}`),
})

/** Extension point of plugins that identify the person who signs in. */
export const IdentityProviders = extensionPoint('identity-providers')
/** Extension point of plugins that decide whether a policy grants access at a moment. */
export const PolicyConditions = extensionPoint('policy-conditions')
/** Extension point of plugins that resolve DNS names that belong to no resource. */
export const UpstreamResolvers = extensionPoint('upstream-resolvers')
/** Extension point of resolvers in a host that validates settings for them and asks none: the portal. */
export const ResolverSettings: ExtensionPoint<'upstream-resolvers', undefined> = {
  name: 'upstream-resolvers',
  token: token('settings/upstream-resolvers'),
  isDescribedOnly: true,
}
/** Extension point of plugins that choose the gateway for a client. */
export const GatewaySelectors = extensionPoint('gateway-selectors')
/** Extension point of plugins that encrypt packets between client and gateway. */
export const TunnelTransports = extensionPoint('tunnel-transports')
/** Extension point of plugins that bring facts for conditions and selectors. */
export const FactSources = extensionPoint('fact-sources')
/** Extension point of plugins that name the relays which peers may use. */
export const RelayProviders = extensionPoint('relay-providers')
