import type { Knex } from 'knex'
import { databaseInUse, ROWS_AT_A_TIME, type RawRow, type WholeDatabase } from './whole-database.ts'

/** Column by which the rows of any table are read in order. https://www.sqlite.org/rowidtable.html */
const ROW = 'row_of_table'

/** SQLite's text of SQLITE_BUSY: one of the libraries gives this statement's error no number. */
const LOCKED = 'database is locked'
/** Time to wait for another process that is about to end. */
const WAIT_MS = 500

/** Reads and writes a whole SQLite database. */
export const wholeSqlite = (knex: Knex): WholeDatabase => ({
  // In WAL mode a transaction reads the moment of its first statement, and keeps no writer waiting.
  snapshot: (work) => knex.transaction(work),
  alone: async (work) => {
    await knex.raw(`PRAGMA busy_timeout = ${WAIT_MS}`)
    // The journal's mode cannot change while anybody else has the database open.
    const changed = await knex.raw<unknown>('PRAGMA journal_mode = DELETE').catch((error: unknown) => {
      if (error instanceof Error && error.message.endsWith(LOCKED)) return []
      throw error
    })
    const [{ journal_mode: mode } = {}] = changed as { journal_mode?: string }[]
    if (mode !== 'delete') throw databaseInUse('another process')
    return knex.transaction(work)
  },
  tables: async (transaction) => {
    const rows = (await transaction('sqlite_master').where({ type: 'table' }).select('name')) as { name: string }[]
    return rows.map(({ name }) => name).filter((name) => !name.startsWith('sqlite_'))
  },
  rows: async function* (transaction, table) {
    for (let last = 0; ;) {
      const read: unknown = await transaction(table)
        .select(transaction.raw(`rowid AS ${ROW}`), '*')
        .whereRaw('rowid > ?', [last])
        .orderByRaw('rowid')
        .limit(ROWS_AT_A_TIME)
      const found = (read as RawRow[]).map(({ [ROW]: row, ...columns }) => ({ row: Number(row), columns }))
      const end = found.at(-1)
      if (end === undefined) return
      last = end.row
      yield found.map(({ columns }) => columns)
    }
  },
})
