import { OperatorError } from '../config/operator-error.ts'
import type { PluginEntry } from '../config/parse-config.ts'
import type { HostPoint } from '../contract/extension-point.ts'
import type { Container } from '../di.ts'
import { Logger } from '../runtime/logger.ts'
import type { PluginContext } from './define-plugin.ts'
import { stackText } from './error-text.ts'
import { installPlugins, type Installation } from './install-plugins.ts'
import type { Isolation } from './isolation.ts'
import { loadPlugins, type PluginModules } from './load-plugins.ts'

/**
 * Rehearses, imports and installs the plugins that a host's configuration lists. A plugin that cannot be loaded is logged with its stack.
 * @throws OperatorError of `loadPlugins` and `installPlugins`
 */
export const loadHostPlugins = async (
  container: Container,
  points: readonly HostPoint[],
  {
    entries,
    modules,
    context,
    isolation,
  }: {
    entries: readonly PluginEntry[]
    modules: PluginModules
    context: PluginContext
    /** Threads for plugins that the configuration isolates; absent for a host that has none. */
    isolation?: Isolation
  },
): Promise<Installation> =>
  withFaultsLogged(container.get(Logger), async () => {
    const uses = await loadPlugins(entries, modules, [context])
    return installPlugins(container, points, uses, context, isolation)
  })

/** Runs `work`, and logs the stack in a plugin that made it fail, which the error's own text has no room for. */
export const withFaultsLogged = async <T>(logger: Logger, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (error instanceof OperatorError && error.cause !== undefined) {
      const fields = { code: error.code, reason: error.message, stack: stackText(error.cause) }
      logger.error(fields, 'a plugin cannot be loaded: the host does not start')
    }
    throw error
  }
}
