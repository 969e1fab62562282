import type { Knex } from 'knex'
import { createRequire } from 'node:module'
import type { SqliteModule, SqliteStatement } from './sqlite-library.ts'
import type { Cell, Columns } from './statements.ts'

/**
 * knex client class for SQLite: knex's better-sqlite3 dialect on top of the `node:sqlite` API. Errors carry the name of
 * SQLite's result code as `code`.
 */
export const sqliteClient = (sqlite: SqliteModule): typeof Knex.Client => {
  const BetterSqlite3 = createRequire(import.meta.url)(
    'knex/lib/dialects/better-sqlite3/index.js',
  ) as typeof Knex.Client
  const driver = driverOf(sqlite)
  return class extends BetterSqlite3 {
    // Called by knex, which publishes no types for its dialects.
    _driver(): unknown {
      return driver
    }
  }
}

/** Connection to an SQLite database, as `connectionOf` returns it. */
export interface SqliteConnection {
  /** Carries out a statement and returns its rows. */
  all: (sql: string, cells: readonly Cell[]) => Columns[]
}

/** Most statements that a connection keeps compiled; the one whose last use is oldest is forgotten first. */
const MOST_COMPILED = 500

/** Connection class with the methods that knex's better-sqlite3 dialect calls. */
const driverOf = ({ DatabaseSync }: SqliteModule): unknown =>
  class implements SqliteConnection {
    readonly #database: InstanceType<typeof DatabaseSync>
    readonly #compiled = new Map<string, PreparedStatement>()

    constructor(file: string) {
      this.#database = named(() => new DatabaseSync(file))
    }

    prepare(sql: string): PreparedStatement {
      const known = this.#compiled.get(sql)
      const statement = known ?? prepared(named(() => this.#database.prepare(sql)))
      this.#compiled.delete(sql)
      this.#compiled.set(sql, statement)
      const [oldest] = this.#compiled.keys()
      if (this.#compiled.size > MOST_COMPILED && oldest !== undefined) this.#compiled.delete(oldest)
      return statement
    }

    all(sql: string, cells: readonly Cell[]): Columns[] {
      const statement = this.prepare(sql)
      const bound = cells.map((cell) => (typeof cell === 'boolean' ? Number(cell) : cell))
      if (statement.reader) return statement.all(bound) as Columns[]
      statement.run(bound)
      return []
    }

    close(): void {
      this.#compiled.clear()
      this.#database.close()
    }
  }

interface PreparedStatement {
  reader: boolean
  all: (bindings: readonly unknown[]) => unknown[]
  run: (bindings: readonly unknown[]) => { changes: number | bigint; lastInsertRowid: number | bigint }
}

const prepared = (statement: SqliteStatement): PreparedStatement => ({
  reader: statement.columns().length > 0,
  all: (bindings) => named(() => statement.all(...bindings)),
  run: (bindings) => named(() => statement.run(...bindings)),
})

/** Makes a call; gives its error the name of SQLite's result code in place of the number. */
const named = <T>(call: () => T): T => {
  try {
    return call()
  } catch (error) {
    const { errcode, message } = error as { errcode?: number; message: string }
    if (errcode === undefined) throw error
    const code = NAMES[errcode] ?? NAMES[errcode & 0xff] ?? 'SQLITE_ERROR'
    throw Object.assign(new Error(message, { cause: error }), { code })
  }
}

/**
 * Names of the result codes that the store distinguishes (https://www.sqlite.org/rescode.html). Any other extended code
 * is named like its primary code.
 */
const NAMES: Readonly<Record<number, string>> = {
  3: 'SQLITE_PERM',
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  19: 'SQLITE_CONSTRAINT',
  23: 'SQLITE_AUTH',
  26: 'SQLITE_NOTADB',
  787: 'SQLITE_CONSTRAINT_FOREIGNKEY',
  1555: 'SQLITE_CONSTRAINT_PRIMARYKEY',
  2067: 'SQLITE_CONSTRAINT_UNIQUE',
}
