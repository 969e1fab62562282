import { OperatorError } from '../config/operator-error.ts'
import type { PluginEntry } from '../config/parse-config.ts'
import type { PluginContext, PluginDefinition } from './define-plugin.ts'
import { errorText } from './error-text.ts'
import type { PluginUse } from './plugin-setup.ts'

/** Imports the modules of plugins for a host. */
export interface PluginModules {
  /**
   * Folder of the configuration file. Relative paths in the file, and in the configuration of its plugins, start there.
   */
  folder: string
  /** Lists the names of the plugins that come with the host. */
  builtin: () => readonly string[]
  importBuiltin: (name: string) => Promise<unknown>
  /** Imports an npm package, resolved from the folder of the configuration file. */
  importPackage: (name: string) => Promise<unknown>
  /** Returns the folder of an npm package that can be imported, and its version if its manifest has one. */
  packageOf: (name: string) => { folder: string; version: string | undefined }
  /**
   * Imports the packages among the entries, and runs their setups for hosts of these kinds, in a throw-away thread: what
   * blocks, or ends its process, cannot be stopped in the host's own.
   * @throws OperatorError that names the first package that fails: PLUGIN_IMPORT_LATE, PLUGIN_SETUP_LATE, PLUGIN_EXIT, and
   * all that `loadPlugins` and `runSetup` throw
   */
  rehearse: (entries: readonly PluginEntry[], contexts: readonly PluginContext[]) => Promise<void>
}

/**
 * Rehearses the packages that a configuration lists for hosts of these kinds, then imports each plugin, in order. A name
 * is a built-in plugin or a package and never tried as the other.
 * @throws OperatorError PLUGIN_UNKNOWN, PLUGIN_NOT_FOUND, PLUGIN_IMPORT_FAILED, PLUGIN_NO_EXPORT, and those of a rehearsal
 */
export const loadPlugins = async (
  entries: readonly PluginEntry[],
  modules: PluginModules,
  contexts: readonly PluginContext[],
): Promise<PluginUse[]> => {
  await modules.rehearse(entries, contexts)
  const uses: PluginUse[] = []
  for (const [index, entry] of entries.entries()) uses.push(await loadPlugin(entry, `plugins[${index}]`, modules))
  return uses
}

/** Whether an entry names an npm package and not a plugin that comes with the host. */
export const isPackage = ({ use }: PluginEntry): boolean => !use.startsWith(BUILTIN)

/**
 * Imports one plugin; error texts begin with `source`: `plugins[2]`.
 * @throws OperatorError PLUGIN_UNKNOWN, PLUGIN_NOT_FOUND, PLUGIN_IMPORT_FAILED, PLUGIN_NO_EXPORT
 */
export const loadPlugin = async (
  entry: PluginEntry,
  source: string,
  modules: Omit<PluginModules, 'rehearse'>,
): Promise<PluginUse> => {
  const exported = await importModule(entry, source, modules)
  const plugin = (exported as { plugin?: unknown } | null)?.plugin
  if (isDefinition(plugin)) {
    const { folder, version } = isPackage(entry) ? modules.packageOf(entry.use) : {}
    const isIsolated = entry.isolation === 'worker'
    return { definition: plugin, config: entry.config, source, use: entry.use, version, folder, isIsolated, entry }
  }
  throw new OperatorError(
    'PLUGIN_NO_EXPORT',
    `${source}: ${entry.use} does not export a plugin.`,
    'Its module has to export `plugin`, made by definePlugin().',
  )
}

const BUILTIN = 'builtin:'

const importModule = async (
  entry: PluginEntry,
  source: string,
  modules: Omit<PluginModules, 'rehearse'>,
): Promise<unknown> => {
  const { use } = entry
  const builtin = isPackage(entry) ? undefined : use.slice(BUILTIN.length)
  if (builtin !== undefined && !modules.builtin().includes(builtin)) {
    throw new OperatorError(
      'PLUGIN_UNKNOWN',
      `${source}: there is no built-in plugin "${builtin}".`,
      `There are: ${modules.builtin().join(', ')}.`,
    )
  }
  try {
    return builtin === undefined ? await modules.importPackage(use) : await modules.importBuiltin(builtin)
  } catch (error) {
    const missing = (error as { code?: unknown } | null | undefined)?.code === 'PLUGIN_PACKAGE_MISSING'
    if (missing) {
      throw new OperatorError(
        'PLUGIN_NOT_FOUND',
        `${source}: the package "${use}" is not installed where the configuration file can see it.`,
        `Run: npm install ${use}`,
      )
    }
    throw new OperatorError(
      'PLUGIN_IMPORT_FAILED',
      `${source}: importing ${use} failed: ${errorText(error)}.`,
      undefined,
      { cause: error },
    )
  }
}

const isDefinition = (value: unknown): value is PluginDefinition =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as PluginDefinition).name === 'string' &&
  typeof (value as PluginDefinition).api === 'number' &&
  typeof (value as PluginDefinition).setup === 'function'
