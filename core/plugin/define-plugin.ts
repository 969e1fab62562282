import type { Contracts, NoKeep, NoSettings, PointName } from '../contract/contracts.ts'
import type { Reads } from '../contract/facts.ts'
import type { Schema } from '../contract/schema.ts'
import type { Token } from '../di.ts'

/** The version of the contract between hosts and plugins. A plugin made for another one is refused. */
export const PLUGIN_API = 1

/** An inert value: importing a plugin does nothing, `setup` only declares, I/O begins in `start()`. */
export interface PluginDefinition<Config = unknown> {
  /** `<point>-<name>`, as its folder. */
  readonly name: string
  readonly api: number
  /** The package's own version; the host's for those that come with it. */
  readonly version?: string
  /** The operator's configuration, from the host's file; an absent one is validated as `{}`. Without a schema the plugin takes none. */
  readonly config?: Schema<Config> | undefined
  /** Returns nothing, at once: an async `setup` does not compile. A method, so that any definition is a `PluginDefinition`. */
  setup(tools: Setup<Config>): undefined
}

/** What a plugin's `setup` is given. */
export interface Setup<Config> {
  readonly config: Config
  readonly provide: Provide
  readonly context: PluginContext
}

/** Where a plugin is loaded. */
export interface PluginContext {
  /** Folder of the configuration file, which relative paths in it are seen from. */
  readonly folder: string
  readonly host: HostKind
  readonly hostVersion: string
}

export type HostKind = 'portal' | 'client' | 'gateway'

/** Declares one implementation of an extension point under a key. Only within `setup`. */
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
>(
  point: Point<Name>,
  key: string,
  declaration: Declaration<Name, Settings, Needs, Known, OfCandidate, Keep> & Rules[Name],
) => undefined

/** An extension point, as authors use it: a name. */
export interface Point<Name extends PointName = PointName> {
  readonly name: Name
}

/** What is provided, and what it needs of its host. */
export interface Declaration<Name extends PointName, Settings, Needs, Known, OfCandidate, Keep> {
  /** Schema of the account's settings, from which the admin's form is made. Secrets have `.meta({ writeOnly: true })`. */
  settings?: Schema<Settings> | undefined
  /** Ports of the host, by names of one's own. */
  needs?: { [Port in keyof Needs]: Token<Needs[Port]> } | undefined
  /** Facts of the request that it reads, by names of one's own. It is given these and no others. */
  facts?: { [As in keyof Known]: Reads<Known[As], 'request'> } | undefined
  /** Facts of each candidate gateway that it reads, by names of one's own. */
  candidateFacts?: { [As in keyof OfCandidate]: Reads<OfCandidate[As], 'candidate'> } | undefined
  /** Schema of what travels between the steps of a sign-in. It changes nothing: no transforms, no defaults. */
  keep?: Schema<Keep, Keep> | undefined
  /** Makes the implementation, once, after `setup` and before `start`. No I/O. Its `start` and `stop`, if any, are called with the host's. */
  create: (needs: Needs) => Contracts<Settings, Known, OfCandidate, Keep>[Name]
}

/** Values that an identity provider may keep. */
type Flat<Keep> = { readonly [Name in keyof Keep]: string | number | boolean | undefined }

/** Members that an extension point does not have. The text is what the compiler shows to whoever declares one all the same. */
interface Rules {
  'identity-providers': NoFacts & NoCandidates
  'policy-conditions': NoCandidates & NoKeepHere
  'upstream-resolvers': NoFacts & NoCandidates & NoKeepHere & NoSettingsHere
  'gateway-selectors': NoKeepHere
  'tunnel-transports': NoFacts & NoCandidates & NoKeepHere & NoSettingsHere
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

/** Configuration of a plugin that declares no schema for it: none. */
export interface NoConfig {
  readonly __noConfig?: never
}

/** Checks the types of a definition, the configuration's against its schema, and returns it as it is. */
export const definePlugin = <Config = NoConfig>(definition: PluginDefinition<Config>): PluginDefinition => definition
