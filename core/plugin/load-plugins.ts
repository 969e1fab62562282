import { OperatorError } from '../config/operator-error.ts'
import type { PluginEntry } from '../config/parse-config.ts'
import type { PluginDefinition } from './define-plugin.ts'
import type { PluginUse } from './install-plugins.ts'

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
}

/**
 * Imports each plugin that a configuration lists, in order. A name is a built-in plugin or a package and never tried as
 * the other.
 * @throws OperatorError PLUGIN_UNKNOWN, PLUGIN_NOT_FOUND, PLUGIN_IMPORT_FAILED, PLUGIN_NO_EXPORT
 */
export const loadPlugins = async (entries: readonly PluginEntry[], modules: PluginModules): Promise<PluginUse[]> => {
  const uses: PluginUse[] = []
  for (const [index, entry] of entries.entries()) {
    const source = `plugins[${index}]`
    uses.push({ definition: await importDefinition(entry.use, source, modules), config: entry.config, source })
  }
  return uses
}

const importDefinition = async (use: string, source: string, modules: PluginModules): Promise<PluginDefinition> => {
  const exported = await importModule(use, source, modules)
  const plugin = (exported as { plugin?: unknown } | null)?.plugin
  if (!isDefinition(plugin)) {
    throw new OperatorError(
      'PLUGIN_NO_EXPORT',
      `${source}: ${use} does not export a plugin.`,
      'Its module has to export `plugin`, made by definePlugin().',
    )
  }
  return plugin
}

const importModule = async (use: string, source: string, modules: PluginModules): Promise<unknown> => {
  const builtin = use.startsWith('builtin:') ? use.slice('builtin:'.length) : undefined
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
    const missing = (error as { code?: unknown }).code === 'PLUGIN_PACKAGE_MISSING'
    if (missing) {
      throw new OperatorError(
        'PLUGIN_NOT_FOUND',
        `${source}: the package "${use}" is not installed where the configuration file can see it.`,
        `Run: npm install ${use}`,
      )
    }
    throw new OperatorError(
      'PLUGIN_IMPORT_FAILED',
      `${source}: importing ${use} failed: ${String(error)}.`,
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
