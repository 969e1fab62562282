import connect from 'knex'
import { OperatorError } from '../../../core/config/operator-error.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import { after, SECOND } from '../../../core/runtime/time.ts'
import type { Dialect, DialectPorts, ListExpressions, SqliteConfig } from './dialect.ts'
import { knexLog } from './knex-log.ts'
import { propertyName } from './row-codec.ts'
import { sqliteClient, type SqliteConnection } from './sqlite-client.ts'
import { loadSqlite } from './sqlite-library.ts'
import { connectionOf } from './statements.ts'
import { StoreError } from './store-error.ts'
import { wholeSqlite } from './whole-sqlite.ts'

/**
 * SQLite's busy timeout. The driver is synchronous, so the whole portal stands still while it waits for a lock: longer
 * waits are retries with `RETRY_MS` between them.
 */
const BLOCKING_MS = 10
const RETRY_MS = 50
const LOCKED_TIMEOUT_MS = 5 * SECOND
const SETTINGS = ['journal_mode = WAL', 'synchronous = NORMAL', 'foreign_keys = ON', `busy_timeout = ${5 * SECOND}`]

/**
 * Opens SQLite, for one portal process. Changes that `portal init` writes meanwhile are noticed at this process's next
 * write.
 */
export const openSqlite = ({ library, file }: SqliteConfig, { logger, clock }: DialectPorts): Dialect => {
  const knex = connect({
    client: sqliteClient(loadSqlite(library)),
    log: knexLog(logger),
    connection: { filename: file },
    useNullAsDefault: true,
    pool: {
      min: 1,
      max: 1,
      afterCreate: (
        connection: { prepare: (sql: string) => { all: (bindings: readonly unknown[]) => unknown } },
        done: (error?: Error) => void,
      ) => {
        for (const setting of SETTINGS) connection.prepare(`PRAGMA ${setting}`).all([])
        done()
      },
    },
  })
  return {
    knex,
    expressions: EXPRESSIONS,
    isShared: false,
    whole: wholeSqlite(knex),
    runMigrations: async (migrate) => {
      await migrate(knex)
      // Before the portal serves anybody, blocking was fine; from here on the synchronous driver would stop everything.
      await knex.raw(`PRAGMA busy_timeout = ${BLOCKING_MS}`)
    },
    retryWhileLocked: async (write) => retryBusy(write, clock),
    statements: async (transaction) => {
      const connection = (await connectionOf(transaction)) as SqliteConnection
      // oxlint-disable-next-line typescript/require-await -- makes a promise of what SQLite throws
      return { all: async (sql, cells = []) => connection.all(sql, cells) }
    },
    // SQLite fails a transaction that reads before it writes if another process wrote in between. This removes nothing.
    beginWrite: async (transaction) => {
      const connection = (await connectionOf(transaction)) as SqliteConnection
      connection.all('DELETE FROM "outbox" WHERE "sequence" < 0', [])
    },
    announce: () => Promise.resolve(),
    onForeignChanges: () => Promise.resolve(),
    listenFailure: () => undefined,
    operatorErrorOf: (error) => sqliteRefusal(error, file),
    storeErrorOf: sqliteError,
    close: () => knex.destroy(),
  }
}

const EXPRESSIONS: ListExpressions = {
  // SQLite has no ICU, so that lower() changes ASCII only; texts are compared byte by byte.
  sortedText: (text) => `lower(${text})`,
  amongIds: (id) => `${id} IN (SELECT value FROM json_each(?))`,
  hasCondition: (conditions) =>
    `EXISTS (SELECT 1 FROM json_each(${conditions}) AS held WHERE json_extract(held.value, '$.condition') IN (SELECT value FROM json_each(?)))`,
}

/** Retries a write while another process holds the write lock: `portal init`, a backup, an admin's shell. */
const retryBusy = async <T>(write: () => Promise<T>, clock: Clock): Promise<T> => {
  const end = after(clock.now(), LOCKED_TIMEOUT_MS)
  for (;;) {
    try {
      return await write()
    } catch (error) {
      if (!((error as { code?: string }).code ?? '').startsWith('SQLITE_BUSY')) throw error
      if (clock.now() >= end) throw new StoreError('BUSY', 'Another process has locked the database.')
      await new Promise<void>((resolve) => clock.wake(after(clock.now(), RETRY_MS), resolve))
    }
  }
}

// https://www.sqlite.org/rescode.html: codes about the database file rather than about a statement.
const sqliteRefusal = (error: unknown, file: string): unknown => {
  const { code = '', message = '' } = error as { code?: string; message?: string }
  if (!/^SQLITE_(CANTOPEN|NOTADB|CORRUPT|READONLY|IOERR|FULL|BUSY|PERM|AUTH)/.test(code)) return error
  return new OperatorError('DATABASE_UNUSABLE', `The database ${file} cannot be used: ${message} (${code}).`)
}

const sqliteError = (error: unknown): unknown => {
  const { code, message = '' } = error as { code?: string; message?: string }
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY') {
    const columns = [...message.matchAll(/\.(\w+)(?:,|$)/g)].map(([, column = '']) => propertyName(column))
    return new StoreError(
      'CONFLICT',
      'There is such a row already.',
      columns.filter((column) => column !== 'accountId'),
    )
  }
  if (code === 'SQLITE_CONSTRAINT_FOREIGNKEY') return new StoreError('REFERENCE', 'A referenced row does not exist.')
  return error
}
