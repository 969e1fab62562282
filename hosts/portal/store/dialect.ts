import type { Knex } from 'knex'
import type { Clock } from '../../../core/runtime/clock.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import type { Random } from '../../../core/runtime/random.ts'
import type { SqliteLibrary } from './sqlite-library.ts'

export type DatabaseConfig = SqliteConfig | PostgresConfig

export interface SqliteConfig {
  driver: 'sqlite'
  /** A file, or `:memory:`. */
  file: string
  /** Where SQLite comes from; by default Node.js itself where it has one. */
  library?: SqliteLibrary
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
  /** Whether the server has to show a certificate, and whose. */
  tls: PostgresTls | undefined
  /** A connection on which the server is silent for longer is given up; 20 s by default. */
  silenceMs?: number
}

export interface PostgresTls {
  /** Authorities in PEM; the system's roots by default. */
  ca?: string | string[] | undefined
  /** The name that the certificate has to be for; the host by default. */
  serverName?: string | undefined
}

/** What of the world a database needs. */
export interface DialectPorts {
  clock: Clock
  random: Random
  logger: Logger
}

/** All that depends on the database in use. Everything else is portable SQL. */
export interface Dialect {
  readonly knex: Knex
  /** Runs the migrations while no other process does. */
  migrating: (migrate: (knex: Knex) => Promise<unknown>) => Promise<void>
  /** Does a write again, all of it, as long as another process is in its way, up to 5 s. @throws StoreError BUSY after that */
  patiently: <T>(write: () => Promise<T>) => Promise<T>
  /** Called first in each transaction that writes: from there on other processes' writes wait for its end. */
  beginWrite: (database: Knex.Transaction) => Promise<void>
  /** Called in a transaction whose changes other processes have to hear of once it is committed. */
  announce: (database: Knex.Transaction) => Promise<void>
  /** Calls back when another process has committed changes, and whenever some may have been missed. */
  onForeignChanges: (catchUp: () => Promise<void>) => Promise<void>
  /** Why changes of other processes may be missed at the moment; undefined while they are heard of. */
  deafness: () => string | undefined
  /** Why it cannot be used, in words for the operator; any other failure as it is. */
  operatorErrorOf: (error: unknown) => unknown
  /** A violated constraint as a StoreError; any other failure as it is. */
  storeErrorOf: (error: unknown) => unknown
  close: () => Promise<void>
}
