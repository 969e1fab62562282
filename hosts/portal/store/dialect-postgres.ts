import connect from 'knex'
import type { Socket } from 'node:net'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { Client } from 'pg'
import { CHANNEL, ChangeListener } from './change-listener.ts'
import type { Dialect, DialectPorts, PostgresConfig } from './dialect.ts'
import { knexLog } from './knex-log.ts'
import { postgresRefusal } from './postgres-refusal.ts'
import { propertyName } from './row-codec.ts'
import { StoreError } from './store-error.ts'

/** Names of advisory locks: any numbers that nothing else in the database uses. */
const WRITE_LOCK = 7_706_001
const MIGRATION_LOCK = 7_706_002
const MOST_CONNECTIONS = 10
/** For a connection to be made, and for an answer on the one that listens. */
const PATIENCE_MS = 10_000
/** A connection on which the server is silent for longer is given up: its machine is gone, or the way to it. */
const SILENCE_MS = 20_000
/** The server gives up before that: a transaction whose process is gone holds the lock of the writers no longer. */
const SHARE_OF_SERVER = 3 / 4

/** PostgreSQL, for several portal processes: each hears of the others' changes by LISTEN and NOTIFY. */
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
    connectionTimeoutMillis: PATIENCE_MS,
    keepAlive: true,
  }
  const { silenceMs = SILENCE_MS } = config
  const serverMs = silenceMs * SHARE_OF_SERVER
  const knex = connect({
    client: 'pg',
    connection: { ...connection, statement_timeout: serverMs, idle_in_transaction_session_timeout: serverMs },
    log: knexLog(ports.logger),
    pool: { min: 0, max: MOST_CONNECTIONS, afterCreate: givingUpAfter(silenceMs) },
    acquireConnectionTimeout: PATIENCE_MS,
  })
  const listener = new ChangeListener({
    ...ports,
    connection: () => new Client({ ...connection, query_timeout: PATIENCE_MS }),
  })
  return {
    knex,
    migrating: async (migrate) => {
      const client = new Client(connection)
      // A migration may take its time.
      const unhurried = connect({ client: 'pg', connection, log: knexLog(ports.logger), pool: { min: 0, max: 2 } })
      client.on('error', () => undefined) // while it only holds the lock, a loss shows in the migration's own queries
      try {
        await client.connect()
        await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
        await migrate(unhurried)
      } finally {
        await unhurried.destroy()
        client.end().catch(() => undefined) // also of one that was not let in: it would keep the process alive
      }
    },
    patiently: async (write) => write(),
    // Sequence numbers are drawn before the commit: without this a lower one could be committed after a higher one was told.
    beginWrite: async (transaction) => {
      await transaction.raw('SELECT pg_advisory_xact_lock(?)', [WRITE_LOCK])
    },
    announce: async (transaction) => {
      await transaction.raw('SELECT pg_notify(?, ?)', [CHANNEL, String(process.pid)])
    },
    onForeignChanges: (catchUp) => listener.open(catchUp),
    deafness: () => listener.deafness,
    operatorErrorOf: (error) => postgresRefusal(error, config),
    storeErrorOf: postgresError,
    close: async () => {
      await listener.close()
      await knex.destroy()
    },
  }
}

/**
 * Not by pg's `query_timeout`: that leaves the connection to the next query, which waits behind the first. A socket that is closed is
 * one that knex makes anew.
 */
const givingUpAfter =
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
  if (code === '23503') return new StoreError('REFERENCE', 'A row that it names does not exist.')
  return error
}
