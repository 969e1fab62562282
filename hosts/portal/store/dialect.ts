import { openPostgres } from './dialect-postgres.ts'
import { openSqlite } from './dialect-sqlite.ts'
import type { Knex } from 'knex'

export type DatabaseConfig = SqliteConfig | PostgresConfig

export interface SqliteConfig {
  driver: 'better-sqlite3'
  /** A file, or `:memory:`. */
  file: string
}

export interface PostgresConfig {
  driver: 'pg'
  /** A host name, an address, or the folder of a Unix socket. */
  host: string
  port: number
  user: string
  /** Read anew for each connection; never shown, never logged. */
  password: (() => Promise<string>) | undefined
  database: string
  /** Whether the server has to show a certificate of the system's roots. */
  tls: boolean
}

/** All that depends on the database in use. Everything else is portable SQL. */
export interface Dialect {
  readonly knex: Knex
  /** Runs the migrations while no other process does. */
  migrating: (migrate: () => Promise<unknown>) => Promise<void>
  /** Called first in each transaction that writes: from there on other processes' writes wait for its end. */
  beginWrite: (database: Knex.Transaction) => Promise<void>
  /** Called in a transaction whose changes other processes have to hear of once it is committed. */
  announce: (database: Knex.Transaction) => Promise<void>
  /** Calls back when another process has committed changes, and whenever some may have been missed. */
  onForeignChanges: (callback: () => void) => Promise<void>
  /** A violated constraint as a StoreError; any other failure as it is. */
  storeErrorOf: (error: unknown) => unknown
  close: () => Promise<void>
}

/** Opens the database. */
export const openDialect = (config: DatabaseConfig): Dialect =>
  config.driver === 'pg' ? openPostgres(config) : openSqlite(config)
