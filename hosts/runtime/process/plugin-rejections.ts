import type { PluginLog } from '../../../core/plugin/plugin-log.ts'
import type { Startable } from '../../../core/runtime/lifecycle.ts'
import type { PluginFolders } from './plugin-folders.ts'

/** Log message about a rejection of a plugin's own work, which no answer to its host could carry. */
export const STRAY_REJECTION = 'a promise of a plugin was rejected, and nobody handles that: the host goes on'

/**
 * Keeps a client or gateway running when a promise is rejected that nobody handles, if its stack leads into the package of a
 * plugin: the plugin is logged. Any other such rejection is a bug of the host and ends it, as it does without this.
 */
export class PluginRejections implements Startable {
  readonly #folders: PluginFolders
  readonly #log: PluginLog

  constructor({ folders, log }: { folders: PluginFolders; log: PluginLog }) {
    this.#folders = folders
    this.#log = log
  }

  start(): void {
    process.on('unhandledRejection', this.#rejected)
  }

  stop(): void {
    process.off('unhandledRejection', this.#rejected)
  }

  readonly #rejected = (error: unknown): void => {
    const plugin = this.#folders.pluginOf(error)
    // Thrown here it is an uncaught exception, with its own stack.
    if (plugin === undefined) throw error
    this.#log.failed({ plugin, call: 'its own work', error, message: STRAY_REJECTION })
  }
}
