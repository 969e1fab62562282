import type { Knex } from 'knex'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { migrationSource } from './migration-source.ts'
import { ENTITY_NAMES } from './tables.ts'

/** Columns of a row as the database has them. */
export type RawRow = Record<string, unknown>

/** Access of backups to a database system: everything in it that is not portable SQL. */
export interface WholeDatabase {
  /** Runs work that reads one moment of the database, whatever others write meanwhile. */
  snapshot: <T>(work: (transaction: Knex.Transaction) => Promise<T>) => Promise<T>
  /**
   * Runs work in one transaction, while nobody else uses the database.
   * @throws OperatorError DATABASE_IN_USE
   */
  alone: <T>(work: (transaction: Knex.Transaction) => Promise<T>) => Promise<T>
  /** Returns the names of all tables. */
  tables: (transaction: Knex.Transaction) => Promise<string[]>
  /** Reads all rows of a table, some at a time. */
  rows: (transaction: Knex.Transaction, table: string) => AsyncGenerator<RawRow[]>
}

/** Number of rows that are read at a time. */
export const ROWS_AT_A_TIME = 500

/** Tables of the library that runs migrations. */
const MIGRATION_TABLES: ReadonlySet<string> = new Set(['knex_migrations', 'knex_migrations_lock'])

/**
 * Tables that no backup has: browsers' sessions and one-time codes, which must not come to life again; repeated requests
 * and news for other processes, which are of the moment.
 */
const MOMENTARY: ReadonlySet<string> = new Set(['sessions', 'emergency_codes', 'idempotency_keys', 'outbox'])

/** Returns the tables that a backup has, those that others refer to first. */
export const keptTables = (tables: readonly string[]): string[] => {
  const entities: readonly string[] = ENTITY_NAMES
  const kept = tables.filter((table) => !MIGRATION_TABLES.has(table) && !MOMENTARY.has(table))
  const others = kept.filter((table) => !entities.includes(table)).sort()
  return [...entities.filter((table) => kept.includes(table)), ...others]
}

/** Returns the name of the last migration that a database has had, such as `0019-updated-at`; undefined if it is empty. */
export const schemaOf = async (transaction: Knex.Transaction): Promise<string | undefined> => {
  if (!(await transaction.schema.hasTable('knex_migrations'))) return undefined
  const row = (await transaction('knex_migrations').orderBy('id', 'desc').first('name')) as { name: string } | undefined
  return row?.name
}

/** Returns the names of all migrations that this version knows, in their order. */
export const knownSchemas = async (): Promise<string[]> =>
  (await migrationSource.getMigrations([])).map(({ name }) => name)

/** Makes the tables as they were after a migration. */
export const migrateTo = async (transaction: Knex.Transaction, schema: string): Promise<void> => {
  const all = await migrationSource.getMigrations([])
  const last = all.findIndex(({ name }) => name === schema)
  const upTo = { ...migrationSource, getMigrations: () => Promise.resolve(all.slice(0, last + 1)) }
  await transaction.migrate.latest({ migrationSource: upTo })
}

/** Brings the tables up to date. */
export const migrateToLatest = async (transaction: Knex.Transaction): Promise<void> => {
  await transaction.migrate.latest({ migrationSource })
}

/** Removes all of the portal's tables. */
export const dropTables = async (transaction: Knex.Transaction, tables: readonly string[]): Promise<void> => {
  const kept = keptTables(tables).toReversed()
  const momentary = tables.filter((table) => MOMENTARY.has(table))
  const migrations = tables.filter((table) => MIGRATION_TABLES.has(table))
  for (const table of [...momentary, ...kept, ...migrations]) await transaction.schema.dropTable(table)
}

/** Returns the error of a database that somebody else uses. */
export const databaseInUse = (who: string): OperatorError =>
  new OperatorError(
    'DATABASE_IN_USE',
    `The database is in use by ${who}.`,
    'Stop the portal first, all of its processes: systemctl stop portreeve-portal',
  )
