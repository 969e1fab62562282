import connect from 'knex'
import { Client, type ClientConfig } from 'pg'
import type { Dialect, PostgresConfig } from './dialect.ts'
import { propertyName } from './row-codec.ts'
import { StoreError } from './store-error.ts'

const CHANNEL = 'portreeve_outbox'
/** Names of advisory locks: any numbers that nothing else in the database uses. */
const WRITE_LOCK = 7_706_001
const MIGRATION_LOCK = 7_706_002
const MOST_CONNECTIONS = 10
const RECONNECT_MS = 1_000

/** PostgreSQL, for several portal processes: each hears of the others' changes by LISTEN and NOTIFY. */
export const openPostgres = (config: PostgresConfig): Dialect => {
  const { host, port, user, password, database, tls } = config
  const connection = {
    host,
    port,
    user,
    database,
    ...(password === undefined ? {} : { password }),
    ssl: tls ? { rejectUnauthorized: true } : false,
    application_name: 'portreeve',
    connectionTimeoutMillis: 10_000,
  }
  const knex = connect({ client: 'pg', connection, pool: { min: 0, max: MOST_CONNECTIONS } })
  const ear = new Ear(connection)
  return {
    knex,
    migrating: async (migrate) => {
      const client = new Client(connection)
      await client.connect()
      try {
        await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
        await migrate()
      } finally {
        await client.end()
      }
    },
    // Sequence numbers are drawn before the commit: without this a lower one could be committed after a higher one was told.
    beginWrite: async (transaction) => {
      await transaction.raw('SELECT pg_advisory_xact_lock(?)', [WRITE_LOCK])
    },
    announce: async (transaction) => {
      await transaction.raw('SELECT pg_notify(?, ?)', [CHANNEL, String(process.pid)])
    },
    onForeignChanges: (callback) => ear.open(callback),
    storeErrorOf: postgresError,
    close: async () => {
      await ear.close()
      await knex.destroy()
    },
  }
}

/** A connection that only listens, and comes back when it is lost. */
class Ear {
  readonly #connection: ClientConfig
  #client: Client | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(connection: ClientConfig) {
    this.#connection = connection
  }

  async open(callback: () => void): Promise<void> {
    const client = new Client({ ...this.#connection, keepAlive: true })
    const lost = (): void => {
      if (this.#client !== client || this.#isClosed) return
      this.#client = undefined
      this.#retry(callback)
    }
    this.#client = client
    client.on('error', lost).on('end', lost)
    client.on('notification', callback)
    await client.connect()
    await client.query(`LISTEN ${CHANNEL}`)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#client?.end()
  }

  #retry(callback: () => void): void {
    this.#timer = setTimeout(() => {
      this.open(callback).then(callback, () => this.#retry(callback))
    }, RECONNECT_MS)
  }
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html, class 23.
const postgresError = (error: unknown): unknown => {
  const { code, detail = '' } = error as { code?: string; detail?: string }
  if (code === '23505') {
    const columns = (/^Key \(([^)]*)\)=/.exec(detail)?.[1] ?? '').split(', ').map(propertyName)
    return new StoreError(
      'CONFLICT',
      'There is such a row already.',
      columns.filter((column) => column !== 'accountId'),
    )
  }
  if (code === '23503') return new StoreError('REFERENCE', 'A row that it names does not exist.')
  return error
}
