import type { PluginEntry } from '../config/parse-config.ts'
import type { PluginContext } from './define-plugin.ts'
import { isPackage, loadPlugin, type PluginModules } from './load-plugins.ts'
import { runSetup } from './plugin-setup.ts'

/** Step of the rehearsal of one package. */
export interface RehearsalStep {
  step: 'import' | 'setup'
  /** Package in error texts: `plugins[2]: portreeve-condition-x`. */
  named: string
}

/**
 * Imports the packages among a configuration's entries and runs their setups, one after another, and keeps nothing.
 * `begins` is called before each step, and awaited.
 * @throws OperatorError of the first package that fails
 */
export const rehearsePackages = async (
  entries: readonly PluginEntry[],
  {
    modules,
    contexts,
    begins,
  }: {
    modules: Omit<PluginModules, 'rehearse'>
    contexts: readonly PluginContext[]
    begins: (step: RehearsalStep) => Promise<void>
  },
): Promise<void> => {
  for (const [index, entry] of entries.entries()) {
    if (!isPackage(entry)) continue
    const source = `plugins[${index}]`
    const named = `${source}: ${entry.use}`
    await begins({ step: 'import', named })
    const use = await loadPlugin(entry, source, modules)
    await begins({ step: 'setup', named })
    for (const context of contexts) runSetup(use, context)
  }
}
