import connect from 'knex'
import type { Socket } from 'node:net'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { Client } from 'pg'
import { CHANNEL, ChangeListener } from './change-listener.ts'
import type { Dialect, DialectPorts, ListExpressions, PostgresConfig } from './dialect.ts'
import { knexLog } from './knex-log.ts'
import { postgresRefusal } from './postgres-refusal.ts'
import { propertyName } from './row-codec.ts'
import { connectionOf, type Columns } from './statements.ts'
import { StoreError } from './store-error.ts'
import { wholePostgres } from './whole-postgres.ts'

/** Keys of advisory locks: arbitrary numbers that nothing else in the database uses. */
const WRITE_LOCK = 7_706_001
const MIGRATION_LOCK = 7_706_002
const MAX_CONNECTIONS = 10
/** Timeout of connecting, and of a query on the connection that listens. */
const TIMEOUT_MS = 10_000
/** Inactivity timeout of a socket: a server that is silent for longer is gone, or the network to it is. */
const SILENCE_MS = 20_000
/**
 * The server's own timeouts are shorter than the socket's, so that a transaction whose process has died releases the
 * write lock first.
 */
const SERVER_SHARE = 3 / 4

/** Opens PostgreSQL, for several portal processes that announce changes to each other by LISTEN and NOTIFY. */
export const openPostgres = (config: PostgresConfig, ports: DialectPorts): Dialect => {
  const { host, port, user, password, database, tls } = config
  const connection = {
    host,
    port,
    user,
    database,
    ...(password === undefined ? {} : { password }),
    ssl: tls === undefined ? false : tlsOptions(tls, host),
    application_name: 'portreeve',
    connectionTimeoutMillis: TIMEOUT_MS,
    keepAlive: true,
  }
  const { silenceMs = SILENCE_MS } = config
  const serverMs = silenceMs * SERVER_SHARE
  const knex = connect({
    client: 'pg',
    connection: { ...connection, statement_timeout: serverMs, idle_in_transaction_session_timeout: serverMs },
    log: knexLog(ports.logger),
    pool: { min: 0, max: MAX_CONNECTIONS, afterCreate: closeWhenSilentFor(silenceMs) },
    acquireConnectionTimeout: TIMEOUT_MS,
  })
  const listener = new ChangeListener({
    ...ports,
    connection: () => new Client({ ...connection, query_timeout: TIMEOUT_MS }),
  })
  return {
    knex,
    expressions: EXPRESSIONS,
    isShared: true,
    whole: wholePostgres(knex),
    runMigrations: async (migrate) => {
      const client = new Client(connection)
      // No statement timeout: a migration may take its time.
      const unhurried = connect({ client: 'pg', connection, log: knexLog(ports.logger), pool: { min: 0, max: 2 } })
      client.on('error', () => undefined) // it only holds the lock: a lost connection shows in the migration's own queries
      try {
        await client.connect()
        await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
        await migrate(unhurried)
      } finally {
        await unhurried.destroy()
        client.end().catch(() => undefined) // also after a refused connection, which would keep the process alive
      }
    },
    retryWhileLocked: async (write) => write(),
    statements: async (transaction) => {
      const connection = (await connectionOf(transaction)) as Client
      return {
        all: async (sql, cells = []) => (await connection.query<Columns>(numbered(sql), [...cells])).rows,
      }
    },
    // Serializes writers: sequence numbers are drawn before the commit, so a lower one could otherwise be committed
    // after subscribers were told of a higher one.
    beginWrite: async (transaction) => {
      await transaction.raw('SELECT pg_advisory_xact_lock(?)', [WRITE_LOCK])
    },
    announce: async (transaction) => {
      await transaction.raw('SELECT pg_notify(?, ?)', [CHANNEL, String(process.pid)])
    },
    onForeignChanges: (catchUp) => listener.open(catchUp),
    listenFailure: () => listener.listenFailure,
    operatorErrorOf: (error) => postgresRefusal(error, config),
    storeErrorOf: postgresError,
    close: async () => {
      await listener.close()
      await knex.destroy()
    },
  }
}

/** Numbers the placeholders of a statement as PostgreSQL wants them. */
const numbered = (sql: string): string => {
  let number = 0
  return sql.replaceAll('?', () => `$${++number}`)
}

const EXPRESSIONS: ListExpressions = {
  // The collation C changes and compares as SQLite does, whatever the language of the database.
  sortedText: (text) => `lower(${text} COLLATE "C")`,
  amongIds: (id) => `${id} IN (SELECT json_array_elements_text(CAST(? AS json)))`,
  hasCondition: (conditions) =>
    `EXISTS (SELECT 1 FROM json_array_elements(CAST(${conditions} AS json)) AS held (value) WHERE held.value ->> 'condition' IN (SELECT json_array_elements_text(CAST(? AS json))))`,
}

/**
 * Closes the socket of a connection whose server does not answer; knex then opens another one. pg's own `query_timeout`
 * would leave the connection in the pool, where the next query waits behind the first.
 */
const closeWhenSilentFor =
  (silenceMs: number) =>
  ({ connection }: { connection: { stream: Socket } }, done: () => void): void => {
    connection.stream.setTimeout(silenceMs, () => {
      connection.stream.destroy(new Error('PostgreSQL does not answer'))
    })
    done()
  }

const tlsOptions = ({ ca, serverName }: NonNullable<PostgresConfig['tls']>, host: string) => ({
  rejectUnauthorized: true,
  ...(ca === undefined ? {} : { ca }),
  checkServerIdentity: (_: string, certificate: PeerCertificate) =>
    checkServerIdentity(serverName ?? host, certificate),
})

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
  if (code === '23503') return new StoreError('REFERENCE', 'A referenced row does not exist.')
  return error
}
