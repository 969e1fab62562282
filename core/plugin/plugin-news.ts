import { NewsFilter } from '../runtime/news-filter.ts'
import type { Note } from '../runtime/note.ts'
import type { Instant } from '../runtime/time.ts'
import { errorText, stackText } from './error-text.ts'

/** Call of a plugin that failed. */
export interface PluginFailure {
  /** Name of the plugin. */
  plugin: string
  /** Method that was called, after the extension's key if the plugin has several: `https.resolve`. */
  call: string
  /** Value that the call threw, or an error that describes its invalid answer. */
  error: unknown
  /** Log message: the failure and its consequence. */
  message: string
  /** Kind of consequence: a failure of another kind than the last one of this call is logged at once. */
  gravity?: string
  /** Further fields of the log line. */
  fields?: Readonly<Record<string, unknown>>
}

/**
 * Makes log lines about failures of plugins, with name and stack. Each call of each plugin yields at most one line in
 * ten minutes, so that a person who can make a plugin fail cannot fill the log.
 */
export class PluginNews {
  readonly #filter = new NewsFilter()

  /**
   * Returns the log line about a failure; undefined if the call has failed with the same gravity in the last ten
   * minutes.
   */
  hear({ plugin, call, error, message, gravity = '', fields }: PluginFailure, now: Instant): Note | undefined {
    if (!this.#filter.isNews(`${plugin} ${call}`, gravity, now)) return undefined
    return {
      type: 'note',
      level: 'warn',
      message,
      fields: { plugin, call, ...fields, reason: errorText(error), stack: stackText(error) },
    }
  }
}
