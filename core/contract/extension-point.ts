import { token, type Token } from '../di.ts'
import type { Contracts, PointName } from './contracts.ts'
import type { Reads } from './facts.ts'
import type { KeptState } from './identity-provider.ts'

/** A kind of plugin. Its value in a host's container is a map of what the loaded plugins provide, by key. */
export interface ExtensionPoint<Name extends PointName = PointName> {
  readonly name: Name
  readonly token: Token<Extensions<Provided<Name>>>
}

/** Implementation as its host sees it, which does not know the types of its settings and facts. */
export type Provided<Name extends PointName> = Contracts<unknown, object, object, KeptState>[Name]

/** What is provided at one extension point: key -> provided thing. */
export type Extensions<T> = ReadonlyMap<string, Extension<T>>

export interface Extension<T> {
  readonly key: string
  /** The plugin that provides it, as its definition names it. */
  readonly plugin: string
  /** The plugin's version, which decisions are recorded with. */
  readonly version: string
  readonly value: T
  /** Validates and describes the account's settings for it. */
  readonly settings: SettingsSchema
  /** Facts of the request that it reads, by the plugin's own names for them. */
  readonly facts: DeclaredFacts
  /** Facts of each candidate gateway that it reads, by the plugin's own names for them. */
  readonly candidateFacts: DeclaredFacts
  /** Validates what an identity provider keeps between the steps of a sign-in. */
  readonly keep: SettingsSchema
}

export type DeclaredFacts = Readonly<Record<string, Reads<unknown>>>

/** A plugin's schema, as hosts use it. */
export interface SettingsSchema {
  safeParse: (value: unknown) => SettingsVerdict
  /** JSON Schema (2020-12) of the settings; secrets, at whatever depth, have `writeOnly: true`. */
  jsonSchema: () => Record<string, unknown>
}

export type SettingsVerdict = { ok: true; settings: unknown } | { ok: false; problems: readonly SettingsProblem[] }

export interface SettingsProblem {
  /** `hours[0].from`, empty for the whole. */
  path: string
  message: string
}

const extensionPoint = <Name extends PointName>(name: Name): ExtensionPoint<Name> => ({
  name,
  token: token(`extensions/${name}`),
})

export const IdentityProviders = extensionPoint('identity-providers')
export const PolicyConditions = extensionPoint('policy-conditions')
export const UpstreamResolvers = extensionPoint('upstream-resolvers')
export const GatewaySelectors = extensionPoint('gateway-selectors')
export const TunnelTransports = extensionPoint('tunnel-transports')
