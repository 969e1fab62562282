import type { Knex } from 'knex'
import type { Clock } from '../../../core/runtime/clock.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import type { Random } from '../../../core/runtime/random.ts'
import type { SqliteLibrary } from './sqlite-library.ts'
import type { Statements } from './statements.ts'
import type { WholeDatabase } from './whole-database.ts'

export type DatabaseConfig = SqliteConfig | PostgresConfig

export interface SqliteConfig {
  driver: 'sqlite'
  /** Path of the database file, or `:memory:`. */
  file: string
  /** Library that provides SQLite; by default Node.js itself if it has it built in. */
  library?: SqliteLibrary
}

export interface PostgresConfig {
  driver: 'pg'
  /** Host name, IP address, or directory of a Unix socket. */
  host: string
  port: number
  user: string
  /** Reads the password, for each connection anew; never shown, never logged. */
  password: (() => Promise<string>) | undefined
  database: string
  /** TLS settings; undefined for a connection without TLS. */
  tls: PostgresTls | undefined
  /** Milliseconds after which a connection whose server is silent is closed; 20 s by default. */
  silenceMs?: number
}

export interface PostgresTls {
  /** Certificates of trusted authorities in PEM; the system's roots by default. */
  ca?: string | string[] | undefined
  /** Name that the server's certificate must carry; the host by default. */
  serverName?: string | undefined
}

/** Time, randomness and log that a database connection needs. */
export interface DialectPorts {
  clock: Clock
  random: Random
  logger: Logger
}

/** Expressions that lists are queried with, as SQL that names columns and values by placeholders. */
export interface ListExpressions {
  /** A text as lists are sorted by it: A to Z in lower case, the rest as it is, by code point. */
  sortedText: (text: string) => string
  /** Whether an id is in a JSON array of texts, which is the parameter after it. */
  amongIds: (id: string) => string
  /** Whether a column of policies' conditions has one whose key is in a JSON array of texts, the parameter after it. */
  hasCondition: (conditions: string) => string
}

/** One database system: everything that differs between SQLite and PostgreSQL. All other SQL is portable. */
export interface Dialect {
  readonly knex: Knex
  readonly expressions: ListExpressions
  /** Whether several portal processes may serve the database. */
  readonly isShared: boolean
  /** Access for backups, which read and write all tables. */
  readonly whole: WholeDatabase
  /** Runs `migrate` while no other process migrates the same database. */
  runMigrations: (migrate: (knex: Knex) => Promise<unknown>) => Promise<void>
  /**
   * Runs a whole write, and repeats it for up to 5 s while another process holds a lock.
   * @throws StoreError BUSY if the lock stays
   */
  retryWhileLocked: <T>(write: () => Promise<T>) => Promise<T>
  /** Returns the statements of a transaction's connection. */
  statements: (transaction: Knex.Transaction) => Promise<Statements>
  /** Must come first in each transaction that writes: other processes' writes then wait until it ends. */
  beginWrite: (database: Knex.Transaction) => Promise<void>
  /** Announces, once the transaction is committed, that other processes have changes to read. */
  announce: (database: Knex.Transaction) => Promise<void>
  /** Calls `catchUp` when another process has committed changes, and whenever some may have been missed. */
  onForeignChanges: (catchUp: () => Promise<void>) => Promise<void>
  /** Returns why other processes' changes may be missed at the moment; undefined while none can be. */
  listenFailure: () => string | undefined
  /** Translates a failure to use the database into an OperatorError; returns any other error unchanged. */
  operatorErrorOf: (error: unknown) => unknown
  /** Translates a violated constraint into a StoreError; returns any other error unchanged. */
  storeErrorOf: (error: unknown) => unknown
  close: () => Promise<void>
}
