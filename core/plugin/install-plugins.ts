import { OperatorError } from '../config/operator-error.ts'
import type { PointName } from '../contract/contracts.ts'
import type { Extension, Extensions, HostPoint } from '../contract/extension-point.ts'
import { MAX_CLIENT_FACTS } from '../contract/fact-source.ts'
import type { Reads } from '../contract/facts.ts'
import type { Schema } from '../contract/schema.ts'
import type { Container } from '../di.ts'
import { checkPorts, createdImplementation, isStartable } from './created-implementation.ts'
import { broughtFact, checkDeclaration } from './declaration.ts'
import type { HostKind, PluginContext } from './define-plugin.ts'
import { checkIsolable, standIn, type IsolatedPlugin, type Isolation } from './isolation.ts'
import type { PluginPart } from './plugin-part.ts'
import { runSetup, setupFailed, type Declared, type PluginUse } from './plugin-setup.ts'
import { NO_SETTINGS, settingsSchema } from './settings-schema.ts'
import { visibleCharacters } from './visible-characters.ts'

/** Plugin with the extensions that it provides to this host. */
export interface InstalledPlugin {
  name: string
  version: string
  /** Name in the configuration: `builtin:condition-x`, or an npm package. */
  use: string
  /** Sentence that says what the plugin does; absent if it has none. */
  description?: string
  /** Whether it runs in a thread of its own. */
  isIsolated: boolean
  provides: { point: PointName; key: string }[]
  /** Implementations that the plugin provides for other kinds of hosts. */
  elsewhere: { point: PointName; key: string }[]
}

/** Result of installing a host's plugins. */
export interface Installation {
  plugins: readonly InstalledPlugin[]
  /** Implementations by the extension points that the host has. */
  extensions: ReadonlyMap<PointName, Extensions<unknown>>
  /** Implementations that have a `start` or a `stop`, in the order of their declaration. */
  parts: readonly PluginPart[]
  /** Folders of the packages, by the names of their plugins. */
  folders: ReadonlyMap<string, string>
}

/**
 * Runs the `setup` of each plugin, creates the declared implementations with the host's ports, and registers in
 * `container`, for each extension point of the host, the map of its extensions. Starts nothing. Implementations of a plugin
 * that the configuration isolates are created in its thread (`isolation`) when that starts.
 * @throws OperatorError PLUGIN_API_MISMATCH, PLUGIN_DUPLICATE, PLUGIN_DUPLICATE_KEY, PLUGIN_SETUP_FAILED,
 * PLUGIN_SCHEMA, PLUGIN_PORT, PLUGIN_METHODS, PLUGIN_FACT_UNKNOWN, PLUGIN_FACT_NAME, PLUGIN_DUPLICATE_FACT,
 * PLUGIN_ISOLATION, CONFIG_INVALID
 */
export const installPlugins = (
  container: Container,
  points: readonly HostPoint[],
  uses: readonly PluginUse[],
  context: PluginContext,
  isolation?: Isolation,
): Installation => {
  const maps = new Map(points.map(({ name }) => [name, new Map<string, Extension<unknown>>()]))
  const describedOnly = new Set(points.filter(({ isDescribedOnly }) => isDescribedOnly).map(({ name }) => name))
  const plugins: InstalledPlugin[] = []
  const parts: PluginPart[] = []
  const brought = new Map<string, Reads<unknown>>()
  const pending: Pending[] = []
  const threads = new Map<PluginUse, IsolatedPlugin | undefined>()

  for (const use of uses) {
    const { definition, source } = use
    const declarations = runSetup(use, context)
    checkListedOnce(use, plugins)
    const installed: InstalledPlugin = {
      name: definition.name,
      version: definition.version ?? use.version ?? context.hostVersion,
      use: use.use ?? definition.name,
      ...(typeof definition.description === 'string' && { description: shownLine(definition.description) }),
      isIsolated: use.isIsolated === true,
      provides: [],
      elsewhere: [],
    }
    plugins.push(installed)
    for (const made of declarations) {
      const declared: DeclaredHere = { ...made }
      noteBrought(declared, `${source}: ${definition.name}`, brought)
      pending.push({ use, installed, declared })
    }
  }
  // A plugin may read a fact that a later one brings.
  for (const { use, installed, declared } of pending) {
    const { definition, source } = use
    const map = maps.get(declared.point)
    const { point, key } = declared
    // A plugin may serve several kinds of host: this one does not have the extension point, or not this source.
    if (map === undefined || isForOthers(declared, context.host)) {
      installed.elsewhere.push({ point, key })
      continue
    }
    const about = `${source}: ${definition.name} provides "${key}" of ${point}`
    const other = map.get(key)
    if (other !== undefined) {
      throw new OperatorError('PLUGIN_DUPLICATE_KEY', `${about}, which ${other.plugin} provides already.`, 'Remove one of the two.') // prettier-ignore
    }
    const isDescribed = describedOnly.has(point) || isSaidElsewhere(declared, context.host)
    const isIsolated = use.isIsolated === true && !isDescribed
    if (isIsolated) checkIsolable(point, about, isolation)
    const thread = isIsolated ? threadOf(use, { threads, isolation, parts }) : undefined
    const ports = isDescribed ? undefined : container
    const extension = createdExtension(ports, { ...declared, about, installed, brought, thread })
    map.set(key, extension)
    installed.provides.push({ point, key })
    if (thread === undefined && isStartable(extension.value)) {
      parts.push({ plugin: definition.name, part: extension.value })
    }
  }

  for (const { name, token } of points) {
    // The cast is safe: the compiler or `missingMethods` has checked each implementation against its extension point.
    container.value<Extensions<unknown>>(token, maps.get(name) ?? new Map<string, Extension<unknown>>())
  }
  const folders = uses.flatMap(({ definition, folder }): [string, string][] =>
    folder === undefined ? [] : [[definition.name, folder]],
  )
  return { plugins, extensions: maps, parts, folders: new Map(folders) }
}

const MAX_DESCRIPTION_CHARACTERS = 200

const shownLine = (text: string): string => visibleCharacters(text).slice(0, MAX_DESCRIPTION_CHARACTERS)

/** Declaration of a plugin that awaits that all are known. */
interface Pending {
  use: PluginUse
  installed: InstalledPlugin
  declared: DeclaredHere
}

interface DeclaredHere extends Declared {
  /** Fact that a fact source brings; undefined also for a source whose declaration is wrong. */
  fact?: Reads<unknown> | undefined
}

/** Whether a fact source runs on other hosts only: a client has its own sources and none of the portal's. */
const isForOthers = ({ fact }: DeclaredHere, host: HostKind): boolean =>
  host === 'client' && fact !== undefined && fact.from !== 'client'

/** Whether only the schema of a fact source is needed here, because each client runs its own. */
const isSaidElsewhere = ({ fact }: DeclaredHere, host: HostKind): boolean =>
  host !== 'client' && fact?.from === 'client'

/** Returns the thread of an isolated plugin, which is opened for the first of its implementations. */
const threadOf = (
  use: PluginUse,
  {
    threads,
    isolation,
    parts,
  }: { threads: Map<PluginUse, IsolatedPlugin | undefined>; isolation: Isolation | undefined; parts: PluginPart[] },
): IsolatedPlugin | undefined => {
  if (!threads.has(use)) {
    const opened = isolation?.open(use)
    threads.set(use, opened)
    if (opened !== undefined) parts.push({ plugin: use.definition.name, part: opened.part })
  }
  return threads.get(use)
}

const checkListedOnce = ({ definition, source }: PluginUse, others: readonly Pick<InstalledPlugin, 'name'>[]): void => {
  if (!others.some(({ name }) => name === definition.name)) return
  throw new OperatorError('PLUGIN_DUPLICATE', `${source}: the plugin ${definition.name} is already listed.`, 'List it once.') // prettier-ignore
}

/**
 * Creates an extension, or only describes it if there is no container. The plugin's code, including getters, may throw
 * anything; the error then names the plugin.
 */
const createdExtension = (
  container: Container | undefined,
  what: Parameters<typeof createExtension>[1],
): Extension<unknown> => {
  try {
    return createExtension(container, what)
  } catch (error) {
    if (error instanceof OperatorError) throw error
    throw setupFailed(`${what.about}, and what it declares cannot be read`, error)
  }
}

/** Describes an extension; without a container nothing is created, and with a thread nothing here. */
const createExtension = (
  container: Container | undefined,
  {
    key,
    point,
    declaration,
    about,
    installed,
    brought,
    thread,
  }: Declared & {
    about: string
    installed: InstalledPlugin
    brought: ReadonlyMap<string, Reads<unknown>>
    thread: IsolatedPlugin | undefined
  },
): Extension<unknown> => {
  const checked = checkDeclaration(point, declaration, { source: about, brought })
  const create = (): unknown => {
    if (container === undefined) return undefined
    if (thread === undefined) return createdImplementation(container, checked, { point, about, plugin: installed.name })
    checkPorts(container, checked, about)
    return standIn(point, key, thread)
  }
  const value = create()
  const schemaOf = (schema: Schema<unknown> | undefined, what: string) =>
    schema === undefined ? NO_SETTINGS : settingsSchema(schema, `${about}, ${what}`)
  return {
    key,
    plugin: installed.name,
    version: installed.version,
    value,
    ...(thread !== undefined && { isIsolated: true }),
    settings: schemaOf(checked.settings, 'settings'),
    keep: schemaOf(checked.keep, 'keep'),
    facts: checked.facts,
    candidateFacts: checked.candidateFacts,
    ...(checked.brings && { brings: { ...checked.brings, schema: schemaOf(checked.brings.fact.schema, 'its fact') } }),
  }
}

const readBrought = (...[point, declaration, named]: Parameters<typeof broughtFact>): Reads<unknown> | undefined => {
  try {
    return broughtFact(point, declaration, named)
  } catch (error) {
    if (error instanceof OperatorError) throw error
    throw setupFailed(`${named}: what it declares cannot be read`, error)
  }
}

/** Notes the fact that a declaration brings, in the declaration and among those of all plugins. */
const noteBrought = (declared: DeclaredHere, named: string, brought: Map<string, Reads<unknown>>): void => {
  const fact = readBrought(declared.point, declared.declaration, named)
  if (fact === undefined) return
  if (brought.has(fact.name)) {
    throw new OperatorError('PLUGIN_DUPLICATE_FACT', `${named} brings the fact ${fact.name}, which is brought already.`, 'Remove one of the two.') // prettier-ignore
  }
  const ofClients = [...brought.values()].filter(({ from }) => from === 'client')
  if (fact.from === 'client' && ofClients.length >= MAX_CLIENT_FACTS) {
    throw new OperatorError('PLUGIN_FACT_NAME', `${named} brings the fact ${fact.name}, and clients say ${MAX_CLIENT_FACTS} facts at most.`, 'Remove plugins whose facts no policy needs.') // prettier-ignore
  }
  brought.set(fact.name, fact)
  declared.fact = fact
}
