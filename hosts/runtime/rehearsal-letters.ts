import type { PluginEntry } from '../../core/config/parse-config.ts'
import type { PluginContext } from '../../core/plugin/define-plugin.ts'
import type { RehearsalStep } from '../../core/plugin/rehearsal.ts'

/** Data that the thread of a rehearsal is started with. */
export interface RehearsalSetUp {
  configFile: string
  entries: readonly PluginEntry[]
  contexts: readonly PluginContext[]
}

/** Message of a rehearsal's thread to its host. */
export type FromRehearsal =
  | ({ type: 'began' } & RehearsalStep)
  /** A step failed; `stack` leads to where in the plugin, if its code threw. */
  | { type: 'failed'; code: string; message: string; stack: string | undefined }
  /** The plugin called a function that ends the process. */
  | { type: 'exited'; call: string; stack: string }
  | { type: 'done' }
