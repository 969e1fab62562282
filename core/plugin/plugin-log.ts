import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import { writeNote } from '../runtime/note.ts'
import { PluginNews, type PluginFailure } from './plugin-news.ts'

/** Function that logs a failure of one extension. `call` is the method that was called, `error` what it threw. */
export type PluginFailed = (call: string, error: unknown) => void

/** Logs failures of plugins: for each method of each plugin at most one line in ten minutes. */
export class PluginLog {
  readonly #news = new PluginNews()
  readonly #logger: Logger
  readonly #clock: Pick<Clock, 'now'>

  constructor({ logger, clock }: { logger: Logger; clock: Pick<Clock, 'now'> }) {
    this.#logger = logger
    this.#clock = clock
  }

  failed(failure: PluginFailure): void {
    const note = this.#news.hear(failure, this.#clock.now())
    if (note !== undefined) writeNote(note, this.#logger)
  }

  /** Returns a function that logs the failures of one extension with a message. */
  of({ plugin, key }: { plugin: string; key: string }, message: string): PluginFailed {
    return (call, error) => this.failed({ plugin, call: `${key}.${call}`, error, message })
  }
}
