import type { Knex } from 'knex'

/** Value of a column as databases take it. */
export type Cell = string | number | boolean | null

/** Row as a database returns it: column names and values. */
export type Columns = Record<string, unknown>

/**
 * Statements on one connection, past the query builder: building takes more of a portal's time than SQLite takes to
 * carry them out. Texts are few and repeat, so that each is compiled once.
 */
export interface Statements {
  /** Carries out a statement, with a `?` for each cell, and returns its rows. */
  all: (sql: string, cells?: readonly Cell[]) => Promise<Columns[]>
}

/** Returns the connection of a transaction, which is the driver's own. */
export const connectionOf = async (transaction: Knex.Transaction): Promise<unknown> => {
  const client = transaction.client as { acquireConnection: () => Promise<unknown> }
  return client.acquireConnection()
}

/** Returns the condition that columns have these values, and the cells of its placeholders. */
export const matching = (columns: Readonly<Record<string, Cell>>): { sql: string; cells: Cell[] } => {
  const entries = Object.entries(columns)
  const sql = entries.map(([column, cell]) => (cell === null ? `"${column}" IS NULL` : `"${column}" = ?`)).join(' AND ')
  return { sql, cells: entries.flatMap(([, cell]) => (cell === null ? [] : [cell])) }
}

/** Most rows that one statement inserts: databases limit the number of cells of a statement. */
const MOST_AT_ONCE = 50

/** Inserts rows that all have the same columns. */
export const insertAll = async (
  statements: Statements,
  table: string,
  rows: readonly Readonly<Record<string, Cell>>[],
): Promise<void> => {
  for (let start = 0; start < rows.length; start += MOST_AT_ONCE) {
    const some = rows.slice(start, start + MOST_AT_ONCE)
    const names = Object.keys(some[0] ?? {})
    const marks = `(${names.map(() => '?').join(',')})`
    const into = `INSERT INTO "${table}" (${names.map((name) => `"${name}"`).join(',')})`
    await statements.all(
      `${into} VALUES ${some.map(() => marks).join(',')}`,
      some.flatMap((row) => names.map((name) => row[name] ?? null)),
    )
  }
}
