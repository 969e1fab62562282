import type { Knex } from 'knex'
import type { Logger } from '../../../core/runtime/logger.ts'

/**
 * Sends knex's messages, which it would print to standard output, to the log as detail: failures also reach the caller
 * as errors.
 */
export const knexLog = (logger: Logger): Knex.Logger => {
  const write = (message: unknown): void => logger.debug({ knex: message }, 'the database library says')
  return { warn: write, error: write, deprecate: write, debug: write }
}
