import { PluginNews } from '../plugin/plugin-news.ts'
import type { Note } from '../runtime/note.ts'
import type { Instant } from '../runtime/time.ts'
import type { TransportFault, TransportTrouble } from './guarded-tunnel.ts'

/** Tunnel transport plugin as shown in a peer's status. */
export interface TransportStatus {
  /** Name of the plugin. */
  plugin: string
  /** Problem at which the plugin keeps failing; null while it works. */
  problem: TransportProblem | null
}

/** Problem of a tunnel transport plugin, as shown in a peer's status. */
export interface TransportProblem {
  code: 'transport_failing'
  /** Call that fails, and the plugin's error message. */
  said: string
  /** Remedy for the operator, a sentence. */
  remedy: string
}

/** Makes the status of a transport plugin. */
export const transportStatus = (plugin: string, trouble: TransportTrouble | undefined): TransportStatus => ({
  plugin,
  problem:
    trouble === undefined
      ? null
      : {
          code: 'transport_failing',
          said: `the plugin ${plugin} keeps failing at ${trouble.call}: ${trouble.said}`,
          remedy: 'Install another version of the plugin, or another transport: the log has the whole error.',
        },
})

/**
 * Log lines for failures of a transport plugin, at most one in ten minutes for each kind of call: an attacker's
 * datagrams may cause them.
 */
export class TransportNews {
  readonly #plugin: string
  readonly #news = new PluginNews()

  constructor(plugin: string) {
    this.#plugin = plugin
  }

  /** Returns the log line for a failure; undefined if the same was logged in the last ten minutes. */
  hear({ call, error, isFailing }: TransportFault, now: Instant): Note | undefined {
    const message = isFailing
      ? 'a tunnel transport plugin keeps failing'
      : 'a tunnel transport plugin failed: what it was called for was dropped'
    return this.#news.hear({ plugin: this.#plugin, call, error, message, gravity: String(isFailing) }, now)
  }
}
