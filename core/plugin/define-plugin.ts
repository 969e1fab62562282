import type { Contracts, NoKeep, NoSettings, PointName } from '../contract/contracts.ts'
import type { FactToken, Reads } from '../contract/facts.ts'
import type { Schema } from '../contract/schema.ts'
import type { Token } from '../di.ts'

/** Version of the interface between hosts and plugins. A host refuses a plugin that is made for another version. */
export const PLUGIN_API = 1

/**
 * Definition of a plugin, the export `plugin` of its module. It is inert: importing it does nothing, `setup` only
 * declares, and I/O begins in the `start()` of what it provides.
 */
export interface PluginDefinition<Config = unknown> {
  /** Name in the form `<point>-<name>`, like the plugin's folder: `condition-time-window`. */
  readonly name: string
  /** Version of the interface that the plugin is made for: `PLUGIN_API`. */
  readonly api: number
  /** Version of the plugin; by default that of its package, or of the host for one that comes with it. */
  readonly version?: string
  /** Sentence that says what the plugin does, for lists of plugins. */
  readonly description?: string
  /**
   * Schema of the plugin's `config` in the host's configuration file; an absent `config` is validated as `{}`. Without
   * a schema the plugin takes no configuration.
   */
  readonly config?: Schema<Config> | undefined
  // A method and not a property: so a definition with any type of `Config` is a `PluginDefinition`.
  /** Declares implementations with `provide`. Returns nothing, at once: an async `setup` does not compile. */
  setup(tools: Setup<Config>): undefined
}

/** Argument of a plugin's `setup`. */
export interface Setup<Config> {
  /** Configuration of the plugin, validated by its schema. */
  readonly config: Config
  readonly provide: Provide
  readonly context: PluginContext
}

/** Host that a plugin is loaded in. */
export interface PluginContext {
  /** Folder of the host's configuration file. Relative paths in a plugin's configuration start there. */
  readonly folder: string
  readonly host: HostKind
  readonly hostVersion: string
}

/** Kind of host: a plugin may be loaded in several kinds. */
export type HostKind = (typeof HOST_KINDS)[number]

/** Kinds of hosts. */
export const HOST_KINDS = ['portal', 'client', 'gateway'] as const

/**
 * Declares one implementation of an extension point under a key. It may only be called within `setup`. A host that does
 * not have the extension point ignores the call.
 */
export type Provide = <
  Name extends PointName,
  Settings = NoSettings,
  // oxlint-disable-next-line typescript/no-empty-object-type -- no needs at all
  Needs = {},
  // oxlint-disable-next-line typescript/no-empty-object-type -- no facts at all
  Known = {},
  // oxlint-disable-next-line typescript/no-empty-object-type -- no facts at all
  OfCandidate = {},
  Keep extends Flat<Keep> = NoKeep,
  Value = never,
>(
  point: Point<Name>,
  key: string,
  declaration: Declaration<Name, Settings, Needs, Known, OfCandidate, Keep, Value> & Rules[Name],
) => undefined

/** Extension point, such as `PolicyConditions`, as an argument of `provide`. */
export interface Point<Name extends PointName = PointName> {
  readonly name: Name
}

/** Implementation of an extension point, with what it reads and needs of its host. */
export interface Declaration<Name extends PointName, Settings, Needs, Known, OfCandidate, Keep, Value> {
  /**
   * Schema of the settings that an admin makes; the portal builds its form from it. A secret is marked by
   * `.meta({ writeOnly: true })`.
   */
  settings?: Schema<Settings> | undefined
  /** Tokens of the host's ports that `create` is given, by names that the plugin chooses. */
  needs?: { [Port in keyof Needs]: Token<Needs[Port]> } | undefined
  /** Facts of the request that the implementation reads, by names that the plugin chooses. It is given no others. */
  facts?: { [As in keyof Known]: Reads<Known[As], 'request'> } | undefined
  /** Facts of each candidate gateway that the implementation reads, by names that the plugin chooses. */
  candidateFacts?: { [As in keyof OfCandidate]: Reads<OfCandidate[As], 'candidate'> } | undefined
  /** Schema of the state kept between the steps of a sign-in. It must not change values: no transforms or defaults. */
  keep?: Schema<Keep, Keep> | undefined
  /** Fact that a fact source brings. */
  fact?: FactToken<Value> | undefined
  /**
   * Creates the implementation; called once, after `setup`. It does no I/O. If the implementation has a `start` or a
   * `stop`, the host calls it when it starts or stops itself.
   */
  create: (needs: Needs) => Contracts<Settings, Known, OfCandidate, Keep, Value>[Name]
}

/** Plain values that an identity provider may keep between steps. */
type Flat<Keep> = { readonly [Name in keyof Keep]: string | number | boolean | undefined }

/** Members that a declaration must not have, by extension point. The compiler shows the text to an author who does. */
interface Rules {
  'identity-providers': NoFacts & NoCandidates & NoBroughtFact
  'policy-conditions': NoCandidates & NoKeepHere & NoBroughtFact
  'upstream-resolvers': NoFacts & NoCandidates & NoKeepHere & NoBroughtFact
  'gateway-selectors': NoKeepHere & NoBroughtFact
  'tunnel-transports': NoFacts & NoCandidates & NoKeepHere & NoSettingsHere & NoBroughtFact
  'fact-sources': NoFacts & NoCandidates & NoKeepHere & NoSettingsHere & Freshness
  'relay-providers': NoFacts & NoCandidates & NoKeepHere & NoSettingsHere & NoBroughtFact
}
interface NoBroughtFact {
  fact?: 'only fact sources bring a fact' | undefined
}
interface Freshness {
  fact: object
  /** Interval of refreshes, at least 100 ms. */
  everyMs: number
  /** Time for which a snapshot is believed when no other comes. */
  goodForMs: number
}
interface NoFacts {
  facts?: 'this point reads no facts' | undefined
}
interface NoCandidates {
  candidateFacts?: 'only gateway selectors see candidates' | undefined
}
interface NoKeepHere {
  keep?: 'only identity providers keep something' | undefined
}
interface NoSettingsHere {
  settings?: 'this point has no settings: use the config of the plugin' | undefined
}

/** Configuration type of a plugin that declares no schema for it: an object without members. */
export interface NoConfig {
  readonly __noConfig?: never
}

/** Returns a definition unchanged. The compiler checks its types, the configuration's against its schema. */
export const definePlugin = <Config = NoConfig>(definition: PluginDefinition<Config>): PluginDefinition => definition
