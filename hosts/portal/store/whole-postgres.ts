import type { Knex } from 'knex'
import { databaseInUse, ROWS_AT_A_TIME, type RawRow, type WholeDatabase } from './whole-database.ts'

/** Reads and writes a whole PostgreSQL database. */
export const wholePostgres = (knex: Knex): WholeDatabase => ({
  snapshot: (work) => knex.transaction(work, { isolationLevel: 'repeatable read', readOnly: true }),
  alone: (work) =>
    knex.transaction(async (transaction) => {
      const others = await asked<{ client: string | null; pid: number }>(
        transaction,
        `SELECT coalesce(host(client_addr), 'this machine') AS client, pid FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = 'portreeve' AND pid <> pg_backend_pid()`,
      )
      const [other] = others
      if (other !== undefined) {
        throw databaseInUse(`a portal on ${other.client ?? 'another machine'} (PostgreSQL’s process ${other.pid})`)
      }
      return work(transaction)
    }),
  tables: async (transaction) => {
    const sql = 'SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()'
    return (await asked<{ name: string }>(transaction, sql)).map(({ name }) => name)
  },
  rows: async function* (transaction, table) {
    await transaction.raw('DECLARE backup NO SCROLL CURSOR FOR SELECT * FROM ??', [table])
    for (;;) {
      const read = await asked<RawRow>(transaction, `FETCH ${ROWS_AT_A_TIME} FROM backup`)
      if (read.length === 0) break
      yield read
    }
    await transaction.raw('CLOSE backup')
  },
})

const asked = async <Row>(transaction: Knex.Transaction, sql: string): Promise<Row[]> =>
  (await transaction.raw<{ rows: Row[] }>(sql)).rows
