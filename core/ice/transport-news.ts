import { errorText, stackText } from '../plugin/error-text.ts'
import { NewsFilter } from '../runtime/news-filter.ts'
import type { Note } from '../runtime/note.ts'
import type { Instant } from '../runtime/time.ts'
import type { TransportFault, TransportTrouble } from './guarded-tunnel.ts'

/** A tunnel transport plugin as status shows it. */
export interface TransportStatus {
  /** The plugin's name. */
  plugin: string
  /** What it keeps failing at; null where it works. */
  problem: TransportProblem | null
}

export interface TransportProblem {
  code: 'transport_failing'
  /** What fails, and in the plugin's own words how. */
  said: string
  /** Remedy, a sentence. */
  remedy: string
}

/** A transport plugin and its trouble as status shows them. */
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

/** Failures of a transport plugin as lines for the log. Whoever can make it fail with a datagram writes a line in ten minutes at the most. */
export class TransportNews {
  readonly #plugin: string
  readonly #filter = new NewsFilter()

  constructor(plugin: string) {
    this.#plugin = plugin
  }

  /** The line about one failure; undefined where calls of that kind failed before, as gravely. */
  hear({ call, error, isFailing }: TransportFault, now: Instant): Note | undefined {
    if (!this.#filter.isNews(call, String(isFailing), now)) return undefined
    return {
      type: 'note',
      level: 'warn',
      message: isFailing
        ? 'a tunnel transport plugin keeps failing'
        : 'a tunnel transport plugin failed: what it was called for was dropped',
      fields: { plugin: this.#plugin, call, reason: errorText(error), stack: stackText(error) },
    }
  }
}
