import { createRequire } from 'node:module'
import { OperatorError } from '../../../core/config/operator-error.ts'

/**
 * Source of SQLite: Node.js itself (`node:sqlite`, 22.16 and later), or an npm package with the same API, which ships
 * binaries for every Node.js release.
 */
export type SqliteLibrary = 'node' | 'package'

/** Part of `node:sqlite` that is used; the type definitions of the oldest supported Node.js lack it. */
export interface SqliteModule {
  DatabaseSync: new (file: string) => SqliteDatabase
  StatementSync: { prototype: Partial<SqliteStatement> }
}

export interface SqliteDatabase {
  prepare: (sql: string) => SqliteStatement
  close: () => void
}

export interface SqliteStatement {
  /** Columns of the result; empty for a statement that returns no rows. */
  columns: () => readonly unknown[]
  all: (...bindings: readonly unknown[]) => unknown[]
  run: (...bindings: readonly unknown[]) => { changes: number | bigint; lastInsertRowid: number | bigint }
}

/**
 * Loads SQLite from the given library, or by default from Node.js if built in, else from the package.
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

/**
 * Returns the SQLite built into Node.js; undefined if there is none, or if its statements cannot list their columns.
 */
export const builtInSqlite = (): SqliteModule | undefined => {
  const { getBuiltinModule } = process as { getBuiltinModule?: (this: void, id: string) => unknown }
  // Silences the warning of Node.js 22 that the module is experimental; the tests run on every supported Node.js.
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
