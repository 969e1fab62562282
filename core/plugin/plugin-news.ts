import { NewsFilter } from '../runtime/news-filter.ts'
import type { Note } from '../runtime/note.ts'
import type { Instant } from '../runtime/time.ts'
import { errorText, stackText } from './error-text.ts'

/** Call of a plugin that failed. */
export interface PluginFailure {
  /** Name of the plugin, as its definition has it. */
  plugin: string
  /** Method that was called, with whatever tells its failures from others of the plugin: `resolve`. */
  call: string
  /** What the call threw, or an error about its answer. */
  error: unknown
  /** Log message: what failed, and what follows from that. */
  message: string
  /** Gravity of the failure: a graver one is logged although the call failed before. */
  gravity?: string
  /** Further fields of the log line. */
  fields?: Readonly<Record<string, unknown>>
}

/**
 * Log lines about plugins that fail, with name and stack: one in ten minutes for each call of each plugin, so that whoever can make a plugin fail
 * cannot fill the log.
 */
export class PluginNews {
  readonly #filter = new NewsFilter()

  /** Log line about a failure; undefined if that call failed as gravely within the last ten minutes. */
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
