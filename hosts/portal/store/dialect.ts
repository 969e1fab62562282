// All that depends on the database in use. Everything else is portable SQL.
import connect, { type Knex } from 'knex'
import { propertyName } from './row-codec.ts'
import { StoreError } from './store-error.ts'

export interface DatabaseConfig {
  /** The driver, by its name in knex: `better-sqlite3`. */
  driver: string
  /** A file, or `:memory:`. */
  file: string
}

/** Opens the database. The driver is the `client` of this one place. */
export const openDatabase = ({ driver, file }: DatabaseConfig): Knex =>
  connect({
    client: driver,
    connection: { filename: file },
    useNullAsDefault: true,
    pool: {
      min: 1,
      max: 1,
      afterCreate: (connection: { pragma: (text: string) => unknown }, done: (error?: Error) => void) => {
        connection.pragma('journal_mode = WAL')
        connection.pragma('synchronous = NORMAL')
        connection.pragma('foreign_keys = ON')
        connection.pragma('busy_timeout = 5000')
        done()
      },
    },
  })

/** A violated constraint as a StoreError; any other failure as it is. */
export const storeErrorOf = (error: unknown): unknown => {
  const { code, message = '' } = error as { code?: string; message?: string }
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY') {
    const columns = [...message.matchAll(/\.(\w+)(?:,|$)/g)].map(([, column = '']) => propertyName(column))
    return new StoreError(
      'CONFLICT',
      'There is such a row already.',
      columns.filter((column) => column !== 'accountId'),
    )
  }
  if (code === 'SQLITE_CONSTRAINT_FOREIGNKEY') return new StoreError('REFERENCE', 'A row that it names does not exist.')
  return error
}
