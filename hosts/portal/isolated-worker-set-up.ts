import type { PluginEntry } from '../../core/config/parse-config.ts'
import type { PluginContext } from '../../core/plugin/define-plugin.ts'

/** Data that the thread of an isolated plugin of a portal is started with. */
export interface IsolatedWorkerSetUp {
  entry: PluginEntry
  /** Place of the entry in the configuration: `plugins[2]`. */
  source: string
  context: PluginContext
  /** Networks besides the Internet that the plugin may send requests to. */
  privateNetworks: readonly string[]
  /** Whether the environment's proxy resolves the names of its requests. */
  proxyResolvesNames: boolean
}
