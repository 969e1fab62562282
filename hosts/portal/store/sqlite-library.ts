import { createRequire } from 'node:module'
import { OperatorError } from '../../../core/config/operator-error.ts'

/**
 * Where SQLite comes from: out of Node.js itself (`node:sqlite`, 22.16 and later), or out of an npm package with the same API, which
 * has files for every Node.js and no need to be compiled.
 */
export type SqliteLibrary = 'node' | 'package'

/** What is used of `node:sqlite`, which the types of the oldest supported Node.js do not know. */
export interface SqliteModule {
  DatabaseSync: new (file: string) => SqliteDatabase
  StatementSync: { prototype: Partial<SqliteStatement> }
}

export interface SqliteDatabase {
  prepare: (sql: string) => SqliteStatement
  close: () => void
}

export interface SqliteStatement {
  /** Columns of the rows that it gives; none where it gives none. */
  columns: () => readonly unknown[]
  all: (...bindings: readonly unknown[]) => unknown[]
  run: (...bindings: readonly unknown[]) => { changes: number | bigint; lastInsertRowid: number | bigint }
}

/**
 * Loads SQLite from the library that is named, else from Node.js where that has it.
 * @throws OperatorError SQLITE_MISSING
 */
export const loadSqlite = (library?: SqliteLibrary): SqliteModule => {
  const builtIn = library === 'package' ? undefined : builtInSqlite()
  if (builtIn !== undefined) return builtIn
  if (library === 'node') throw missing(undefined)
  try {
    return createRequire(import.meta.url)('@photostructure/sqlite') as SqliteModule
  } catch (error) {
    throw missing(error)
  }
}

/** The SQLite of Node.js; undefined where it has none, or one whose statements do not tell their columns. */
export const builtInSqlite = (): SqliteModule | undefined => {
  const { getBuiltinModule } = process as { getBuiltinModule?: (this: void, id: string) => unknown }
  // Node.js 22 says on standard error that it may change; the tests run on each Node.js that is supported.
  const said = Object.getOwnPropertyDescriptor(process, 'emitWarning')
  Object.defineProperty(process, 'emitWarning', { value: () => undefined, configurable: true })
  try {
    const sqlite = getBuiltinModule?.('node:sqlite') as SqliteModule | undefined
    return sqlite?.StatementSync.prototype.columns === undefined ? undefined : sqlite
  } finally {
    if (said !== undefined) Object.defineProperty(process, 'emitWarning', said)
  }
}

const missing = (cause: unknown): OperatorError =>
  new OperatorError(
    'SQLITE_MISSING',
    `SQLite cannot be loaded: Node.js ${process.versions.node} has none, and the package @photostructure/sqlite does not load on ` +
      `${process.platform}-${process.arch}.`,
    'Use Node.js 24 or newer, which has it built in, or install with --include=optional, or use PostgreSQL (`database: {driver: pg}`).',
    { cause },
  )
