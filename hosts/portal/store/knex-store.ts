import type { Knex } from 'knex'
import type { Clock } from '../../../core/runtime/clock.ts'
import { uuid, type Random } from '../../../core/runtime/random.ts'
import { MINUTE, type UnixTime } from '../../../core/runtime/time.ts'
import type { Account, Change, Entities, EntityName } from '../entities.ts'
import { changeRecord, decisionRecord, insertAudit, readAudit } from './audit-trail.ts'
import { openDatabase, storeErrorOf, type DatabaseConfig } from './dialect.ts'
import { KnexReader } from './knex-reader.ts'
import { KnexSessionRows } from './knex-session-rows.ts'
import { KnexTransaction } from './knex-transaction.ts'
import { migrationSource } from './migration-source.ts'
import { decodeRow, encodeRow } from './row-codec.ts'
import type {
  AuditRecord,
  AuditSubject,
  Decision,
  Page,
  Reader,
  Scope,
  SessionRows,
  Store,
  Transaction,
} from './store.ts'
import { ENTITY_NAMES } from './tables.ts'

export interface KnexStoreOptions {
  database: DatabaseConfig
  clock: Clock
  random: Random
}

/** How long a change stays in the outbox: far longer than a portal process may be behind. */
const OUTBOX_KEPT_MS = 60 * MINUTE

/** The store on a SQL database, by knex. */
export class KnexStore implements Store {
  readonly sessions: SessionRows
  readonly #knex: Knex
  readonly #clock: Clock
  readonly #random: Random
  readonly #listeners = new Set<(changes: readonly Change[]) => void>()
  /** The end of the line of writes. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(knex: Knex, { clock, random }: KnexStoreOptions) {
    this.#knex = knex
    this.sessions = new KnexSessionRows(knex)
    this.#clock = clock
    this.#random = random
  }

  /** Opens the database and brings its tables up to date. */
  static async open(options: KnexStoreOptions): Promise<KnexStore> {
    const knex = openDatabase(options.database)
    try {
      await knex.migrate.latest({ migrationSource })
    } catch (error) {
      await knex.destroy()
      throw error
    }
    return new KnexStore(knex, options)
  }

  async load(): Promise<{ [Name in EntityName]: Entities[Name][] }> {
    const tables: [EntityName, unknown[]][] = []
    for (const name of ENTITY_NAMES) {
      const rows = (await this.#knex(name).orderBy(['created_at', 'id'])) as Record<string, unknown>[]
      tables.push([name, rows.map((row) => decodeRow(name, row))])
    }
    return Object.fromEntries(tables) as { [Name in EntityName]: Entities[Name][] }
  }

  subscribe(listener: (changes: readonly Change[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async transact<T>({ accountId, by }: Scope, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#inLine(async () => {
      const at = this.#clock.unix()
      const { result, changes } = await this.#knex.transaction(async (database) => {
        const tx = new KnexTransaction({ database, accountId, at, random: this.#random })
        const result = await work(tx)
        await this.#leaveTraces(database, tx.changes, { by, at })
        return { result, changes: tx.changes }
      })
      this.#tell(changes)
      return result
    })
  }

  reader(accountId: string): Reader {
    return new KnexReader(this.#knex, accountId)
  }

  async accountBySlug(slug: string): Promise<Account | undefined> {
    const row = (await this.#knex('accounts').where({ slug }).first()) as Record<string, unknown> | undefined
    return row === undefined ? undefined : decodeRow('accounts', row)
  }

  async createAccount({ slug, name }: { slug: string; name: string }, by: AuditSubject): Promise<Account> {
    return this.#inLine(async () => {
      const at = this.#clock.unix()
      const id = uuid(this.#random)
      const account: Account = {
        id,
        slug,
        name,
        isDisabled: false,
        upstreamResolvers: [],
        searchDomain: null,
        createdAt: at,
      }
      const changes: Change[] = [{ entity: 'accounts', accountId: id, id, after: account }]
      try {
        await this.#knex.transaction(async (database) => {
          await database('accounts').insert(encodeRow('accounts', account))
          await this.#leaveTraces(database, changes, { by, at })
        })
      } catch (error) {
        throw storeErrorOf(error)
      }
      this.#tell(changes)
      return account
    })
  }

  async recordDecision(accountId: string, decision: Decision): Promise<void> {
    await this.#inLine(() => insertAudit(this.#knex, [decisionRecord(accountId, decision, this.#random)]))
  }

  async auditLog(accountId: string, page: Page): Promise<AuditRecord[]> {
    return readAudit(this.#knex, accountId, page)
  }

  async close(): Promise<void> {
    await this.#inLine(() => this.#knex.destroy())
  }

  /** One write after the other, so that changes are told in the order of their commits. */
  async #inLine<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => undefined) // the caller has the failure; the line goes on
    return turn
  }

  async #leaveTraces(
    database: Knex.Transaction,
    changes: readonly Change[],
    { by, at }: { by: AuditSubject; at: UnixTime },
  ): Promise<void> {
    if (changes.length === 0) return
    const records = changes.map((change) => changeRecord(change, { by, at, random: this.#random }))
    await insertAudit(
      database,
      records.filter((record) => record !== undefined),
    )
    await database('outbox')
      .where('created_at', '<', at - OUTBOX_KEPT_MS)
      .delete()
    for (const { entity, accountId, id } of changes)
      await database('outbox').insert({ account_id: accountId, entity, entity_id: id, created_at: at })
  }

  #tell(changes: readonly Change[]): void {
    if (changes.length === 0) return
    for (const listener of this.#listeners) listener(changes)
  }
}
