import type { Clock } from '../../../core/runtime/clock.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { integerBelow, type Random } from '../../../core/runtime/random.ts'
import { after, SECOND } from '../../../core/runtime/time.ts'

export interface ChangeListenerOptions {
  /** A connection that is not open yet, on which nothing else is asked. */
  connection: () => ListeningConnection
  clock: Clock
  random: Random
  logger: Logger
}

/** What of pg's client a listener needs. */
export interface ListeningConnection {
  on: (event: 'error' | 'end' | 'notification', listener: (error?: unknown) => void) => unknown
  connect: () => Promise<unknown>
  /** Has to give up by itself after a while. */
  query: (text: string) => Promise<unknown>
  end: () => Promise<unknown>
}

/** The name that changes are announced under. */
export const CHANNEL = 'portreeve_outbox'
/** How soon a connection is missed that ended without a word: the network is down, the machine is gone. */
const LOOK_AFTER_MS = 10 * SECOND
const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 30 * SECOND

/**
 * A connection that only listens for other processes' changes, and comes back when it is lost. Between its loss and the moment
 * when all that was missed is caught up with, it is deaf, and says so.
 */
export class ChangeListener {
  readonly #options: ChangeListenerOptions
  #connection: ListeningConnection | undefined
  #cancel: () => void = () => undefined
  #deafness: string | undefined
  #retries = 0
  #isClosed = false

  constructor(options: ChangeListenerOptions) {
    this.#options = options
  }

  /** Why changes may be missed at the moment; undefined while they are heard of. */
  get deafness(): string | undefined {
    return this.#deafness
  }

  /** Begins. `catchUp` is called for each word of changes and whenever some may have been missed; a failure of it is a loss. */
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
    this.#lookAfter(connection, lost)
    return connection
  }

  #lookAfter(connection: ListeningConnection, lost: (error: unknown) => void): void {
    if (this.#connection !== connection || this.#isClosed) return
    const { clock } = this.#options
    this.#cancel = clock.wake(after(clock.now(), LOOK_AFTER_MS), () => {
      connection.query('SELECT 1').then(() => this.#lookAfter(connection, lost), lost)
    })
  }

  #lost(connection: ListeningConnection, error: unknown, catchUp: () => Promise<void>): void {
    if (this.#connection !== connection || this.#isClosed) return
    this.#connection = undefined
    this.#cancel()
    connection.end().catch(() => undefined) // it is of no use any more, whatever it says to that
    if (this.#deafness === undefined) {
      this.#options.logger.warn({ error }, 'changes of other portal processes are not heard of: not ready')
    }
    this.#deafness = error instanceof Error ? error.message : 'the connection has ended'
    this.#retry(catchUp)
  }

  #retry(catchUp: () => Promise<void>): void {
    const { clock, random } = this.#options
    const longest = Math.min(FIRST_RETRY_MS * 2 ** this.#retries++, LONGEST_RETRY_MS)
    // Spread, so that many processes do not come back to a database in the same moment.
    const wait = longest / 2 + integerBelow(random, longest / 2)
    this.#cancel = clock.wake(after(clock.now(), wait), () => void this.#comeBack(catchUp))
  }

  async #comeBack(catchUp: () => Promise<void>): Promise<void> {
    try {
      const connection = await this.#listen(catchUp)
      await catchUp()
      if (this.#connection !== connection) return // lost again meanwhile
      this.#retries = 0
      this.#deafness = undefined
      this.#options.logger.info({}, 'changes of other portal processes are heard of again')
    } catch (error) {
      if (this.#connection !== undefined) this.#lost(this.#connection, error, catchUp)
    }
  }
}
