import type { Clock } from '../../../core/runtime/clock.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { integerBelow, type Random } from '../../../core/runtime/random.ts'
import { after, SECOND } from '../../../core/runtime/time.ts'

export interface ChangeListenerOptions {
  /** Makes a new connection, not yet open, that is used for nothing else. */
  connection: () => ListeningConnection
  clock: Clock
  random: Random
  logger: Logger
}

/** Part of pg's `Client` that a listener uses. */
export interface ListeningConnection {
  on: (event: 'error' | 'end' | 'notification', listener: (error?: unknown) => void) => unknown
  connect: () => Promise<unknown>
  /** Runs one statement; must reject by itself if no answer comes in time. */
  query: (text: string) => Promise<unknown>
  end: () => Promise<unknown>
}

/** PostgreSQL notification channel (LISTEN, NOTIFY) on which portal processes announce committed changes. */
export const CHANNEL = 'portreeve_outbox'
/**
 * Interval of the probe that finds out about a connection that died silently: the network is down, the machine is gone.
 */
const PROBE_MS = 10 * SECOND
const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 30 * SECOND

/**
 * Listens for other processes' changes on a database connection of its own, and reconnects when that is lost. Between
 * the loss and the end of catching up on missed changes, `listenFailure` says why.
 */
export class ChangeListener {
  readonly #options: ChangeListenerOptions
  #connection: ListeningConnection | undefined
  #cancel: () => void = () => undefined
  #listenFailure: string | undefined
  #retries = 0
  #isClosed = false

  constructor(options: ChangeListenerOptions) {
    this.#options = options
  }

  /** Reason why other processes' changes may be missed at the moment; undefined while the connection is up. */
  get listenFailure(): string | undefined {
    return this.#listenFailure
  }

  /**
   * Connects and listens. Calls `catchUp` for each notification and after each reconnect; if `catchUp` fails, the
   * connection counts as lost.
   */
  async open(catchUp: () => Promise<void>): Promise<void> {
    await this.#listen(catchUp)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancel()
    await this.#connection?.end()
  }

  async #listen(catchUp: () => Promise<void>): Promise<ListeningConnection> {
    const connection = this.#options.connection()
    const lost = (error?: unknown): void => this.#lost(connection, error, catchUp)
    const heard = (): void => void catchUp().catch(lost)
    this.#connection = connection
    connection.on('error', lost)
    connection.on('end', lost)
    connection.on('notification', heard)
    await connection.connect()
    await connection.query(`LISTEN ${CHANNEL}`)
    this.#probe(connection, lost)
    return connection
  }

  #probe(connection: ListeningConnection, lost: (error: unknown) => void): void {
    if (this.#connection !== connection || this.#isClosed) return
    const { clock } = this.#options
    this.#cancel = clock.wake(after(clock.now(), PROBE_MS), () => {
      connection.query('SELECT 1').then(() => this.#probe(connection, lost), lost)
    })
  }

  #lost(connection: ListeningConnection, error: unknown, catchUp: () => Promise<void>): void {
    if (this.#connection !== connection || this.#isClosed) return
    this.#connection = undefined
    this.#cancel()
    connection.end().catch(() => undefined) // the connection is given up either way
    if (this.#listenFailure === undefined) {
      this.#options.logger.warn({ error }, 'listening for changes of other portal processes failed: not ready')
    }
    this.#listenFailure = error instanceof Error ? error.message : 'the connection has ended'
    this.#retry(catchUp)
  }

  #retry(catchUp: () => Promise<void>): void {
    const { clock, random } = this.#options
    const longest = Math.min(FIRST_RETRY_MS * 2 ** this.#retries++, MAX_RETRY_MS)
    // Randomized, so that many processes do not reconnect to the database at the same moment.
    const wait = longest / 2 + integerBelow(random, longest / 2)
    this.#cancel = clock.wake(after(clock.now(), wait), () => void this.#reconnect(catchUp))
  }

  async #reconnect(catchUp: () => Promise<void>): Promise<void> {
    try {
      const connection = await this.#listen(catchUp)
      await catchUp()
      if (this.#connection !== connection) return // lost again meanwhile
      this.#retries = 0
      this.#listenFailure = undefined
      this.#options.logger.info({}, 'listening for changes of other portal processes again')
    } catch (error) {
      if (this.#connection !== undefined) this.#lost(this.#connection, error, catchUp)
    }
  }
}
