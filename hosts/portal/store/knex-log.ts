import type { Knex } from 'knex'
import type { Logger } from '../../../core/runtime/logger.ts'

/** What knex has to say, which it would print to standard output: failures reach whoever asked, so it is detail. */
export const knexLog = (logger: Logger): Knex.Logger => {
  const write = (message: unknown): void => logger.debug({ knex: message }, 'the database library says')
  return { warn: write, error: write, deprecate: write, debug: write }
}
