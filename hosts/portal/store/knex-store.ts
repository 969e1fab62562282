import type { Knex } from 'knex'
import type { SignInRecords } from '../../../core/contract/identity-provider.ts'
import { OperatorError } from '../../../core/config/operator-error.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { uuid, type Random } from '../../../core/runtime/random.ts'
import { DAY, SECOND, type UnixTime } from '../../../core/runtime/time.ts'
import { keepAnAdmin } from './admin-access.ts'
import { endSignIns } from './ended-sign-ins.ts'
import type { Account, Change, EntityName, Rows } from './entities.ts'
import { AuditIds } from './audit-ids.ts'
import * as audit from './audit-trail.ts'
import type { DatabaseConfig, Dialect } from './dialect.ts'
import { openDialect } from './open-dialect.ts'
import { KnexEmergencyCodes } from './knex-emergency-codes.ts'
import { KnexReader } from './knex-reader.ts'
import { KnexSessionRows } from './knex-session-rows.ts'
import { changeSignInRecord, type RecordScope } from './knex-sign-in-records.ts'
import { RefusedSignIns } from './refused-sign-ins.ts'
import { KnexTransaction } from './knex-transaction.ts'
import { migrationSource } from './migration-source.ts'
import { decodeRow, encodeRow } from './row-codec.ts'
import { StoreError } from './store-error.ts'
import type {
  AuditFilter,
  AuditRecord,
  AuditSubject,
  Decision,
  EmergencyCodes,
  OldAudit,
  Page,
  Reader,
  RefusedCall,
  Scope,
  SessionRows,
  SignInEvent,
  Store,
  Subscriber,
  Transaction,
} from './store.ts'
import { ENTITY_NAMES } from './tables.ts'
import { WriteLine } from './write-line.ts'

export interface KnexStoreOptions {
  database: DatabaseConfig
  clock: Clock
  random: Random
  logger: Logger
  /** What the audit trail may have of settings; nothing by default. */
  auditedSettings?: audit.AuditedSettings
}

/** How long a change stays in the outbox: far longer than a portal process may be behind. */
const OUTBOX_KEPT_MS = DAY

/** A process whose writes take so long is not ready. */
const SLOW_WRITE_MS = 10 * SECOND
const CHECK_MS = 5 * SECOND

/** The store on a SQL database, by knex. */
export class KnexStore implements Store {
  readonly sessions: SessionRows
  readonly emergencyCodes: EmergencyCodes
  readonly #knex: Knex
  readonly #dialect: Dialect
  readonly #clock: Clock
  readonly #random: Random
  readonly #auditedSettings: audit.AuditedSettings
  readonly #auditIds: AuditIds
  readonly #subscribers = new Set<Subscriber>()
  readonly #line: WriteLine
  readonly #refused: RefusedSignIns
  /** The last entry of the outbox that the subscribers know of. */
  #told: number
  #isClosed = false

  private constructor(dialect: Dialect, { clock, random, logger, auditedSettings }: KnexStoreOptions, told: number) {
    const { knex } = dialect
    this.#dialect = dialect
    this.#knex = knex
    this.sessions = new KnexSessionRows(dialect)
    this.emergencyCodes = new KnexEmergencyCodes(dialect)
    this.#clock = clock
    this.#line = new WriteLine(clock)
    this.#told = told
    this.#refused = new RefusedSignIns({ clock, logger, write: (id, event) => this.#insertSignIn(id, event) })
    this.#random = random
    this.#auditIds = new AuditIds(random)
    this.#auditedSettings = auditedSettings ?? audit.NO_SETTINGS
  }

  /** Opens the database and brings its tables up to date. */
  static async open(options: KnexStoreOptions): Promise<KnexStore> {
    const dialect = openDialect(options.database, options)
    const { knex } = dialect
    try {
      await dialect.migrating((migrator) => migrator.migrate.latest({ migrationSource }))
      const store = new KnexStore(dialect, options, await lastSequence(knex))
      await dialect.onForeignChanges(() => store.#catchUp())
      return store
    } catch (error) {
      await dialect.close()
      throw dialect.operatorErrorOf(error)
    }
  }

  async load(): Promise<Rows> {
    return loadRows(this.#knex)
  }

  subscribe(subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber)
    return () => this.#subscribers.delete(subscriber)
  }

  async check(): Promise<void> {
    const { delayMs } = this.#line
    if (delayMs > SLOW_WRITE_MS) throw new Error(`a write has been waiting for ${Math.round(delayMs / SECOND)} s`)
    await this.#knex.raw('SELECT 1').timeout(CHECK_MS)
  }

  /** An error of a database that cannot be reached or used as a StoreError; any other one as it is. */
  unavailability(error: unknown): unknown {
    if (error instanceof StoreError || !(this.#dialect.operatorErrorOf(error) instanceof OperatorError)) return error
    return new StoreError('UNAVAILABLE', 'The database cannot be reached at the moment.', [], undefined, {
      cause: error,
    })
  }

  deafness(): string | undefined {
    return this.#dialect.deafness()
  }

  async transact<T>({ accountId, by }: Scope, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#inLine(async () => {
      const at = this.#clock.unix()
      let collision: KnexTransaction['collision']
      try {
        const { result, ...written } = await this.#knex.transaction(async (database) => {
          const foreign = await this.#foreignNews(database, at)
          const tx = new KnexTransaction({ dialect: this.#dialect, database, accountId, at, random: this.#random })
          try {
            const result = await work(tx)
            await endSignIns(tx, [...tx.changes])
            await keepAnAdmin(tx, tx.changes)
            const told = await this.#leaveTraces(database, tx.changes, { by, at })
            return { result, foreign, changes: tx.changes, told }
          } finally {
            ;({ collision } = tx)
          }
        })
        this.#tell(written)
        return result
      } catch (error) {
        throw await this.#withCollision(error, accountId, collision)
      }
    })
  }

  /** Finds out which row is in the way: a transaction that failed can ask nothing more. */
  async #withCollision(error: unknown, accountId: string, collision: KnexTransaction['collision']): Promise<unknown> {
    if (!(error instanceof StoreError) || error.code !== 'CONFLICT' || collision === undefined) return error
    const { name, where } = collision
    const [row] = await this.reader(accountId).list(name, { where, limit: 1 })
    return row === undefined ? error : new StoreError('CONFLICT', error.message, error.columns, row.id)
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
        const written = await this.#knex.transaction(async (database) => {
          const foreign = await this.#foreignNews(database, at)
          await database('accounts').insert(encodeRow('accounts', account))
          return { foreign, changes, told: await this.#leaveTraces(database, changes, { by, at }) }
        })
        this.#tell(written)
      } catch (error) {
        throw this.#dialect.storeErrorOf(error)
      }
      return account
    })
  }

  async recordDecision(accountId: string, decision: Decision): Promise<void> {
    await this.#inLine(() => audit.insertAudit(this.#knex, [audit.decisionRecord(accountId, decision, this.#auditIds)]))
  }

  async recordSignIn(accountId: string, event: SignInEvent): Promise<void> {
    await (event.action === 'refused' ? this.#refused.add(accountId, event) : this.#insertSignIn(accountId, event))
  }

  async #insertSignIn(accountId: string, event: SignInEvent): Promise<void> {
    await this.#inLine(() => audit.insertAudit(this.#knex, [audit.signInRecord(accountId, event, this.#auditIds)]))
  }

  async recordRefusedCall(accountId: string, call: RefusedCall, repeated: number): Promise<void> {
    const record = audit.refusedCallRecord(accountId, { call, repeated }, this.#auditIds)
    await this.#inLine(() => audit.insertAudit(this.#knex, [record]))
  }

  async decisionsOf(accountId: string, actorId: string, limit: number): Promise<AuditRecord[]> {
    return audit.readDecisions(this.#knex, { accountId, actorId, limit })
  }

  signInRecords(scope: RecordScope): SignInRecords {
    return {
      change: (key, work) =>
        this.#inLine(() => changeSignInRecord(this.#knex, { ...scope, key, now: this.#clock.unix() }, work)),
    }
  }

  async auditLog(accountId: string, asked: Page & AuditFilter): Promise<AuditRecord[]> {
    return audit.readAudit(this.#knex, accountId, asked)
  }

  async removeAudit(accountId: string, which: OldAudit): Promise<number> {
    const how = { accountId, at: this.#clock.unix(), ids: this.#auditIds }
    return this.#inLine(() =>
      this.#knex.transaction(async (database) => {
        await this.#dialect.beginWrite(database)
        return audit.removeOldAudit(database, which, how)
      }),
    )
  }

  async accountIds(): Promise<string[]> {
    return ((await this.#knex('accounts').select('id').orderBy('id')) as { id: string }[]).map(({ id }) => id)
  }

  async keyCheck(ours: string): Promise<string> {
    return this.#inLine(async () => {
      // Of two processes that start at once the first one's stays.
      await this.#knex('key_check').insert({ id: 1, value: ours }).onConflict('id').ignore()
      return ((await this.#knex('key_check').where({ id: 1 }).first()) as { value: string }).value
    })
  }

  async close(): Promise<void> {
    await this.#refused.flush()
    this.#isClosed = true
    await this.#line.drained()
    await this.#dialect.close()
  }

  async #inLine<T>(write: () => Promise<T>): Promise<T> {
    return this.#line.take(() => this.#dialect.patiently(write))
  }

  /** Tells the subscribers what other processes have committed. */
  async #catchUp(): Promise<void> {
    if (this.#isClosed) return
    await this.#inLine(async () => {
      if ((await lastSequence(this.#knex)) === this.#told) return
      const at = this.#clock.unix()
      const written = await this.#knex.transaction(async (database) => {
        const foreign = await this.#foreignNews(database, at)
        return { foreign, changes: [], told: await lastSequence(database) }
      })
      this.#tell(written)
    })
  }

  /** @returns where the outbox ends with that. */
  async #leaveTraces(
    database: Knex.Transaction,
    changes: readonly Change[],
    { by, at }: { by: AuditSubject; at: UnixTime },
  ): Promise<number> {
    if (changes.length > 0) {
      const written = { by, at, ids: this.#auditIds, settings: this.#auditedSettings }
      const records = changes.map((change) => audit.changeRecord(change, written))
      await audit.insertAudit(
        database,
        records.filter((record) => record !== undefined),
      )
      for (const { entity, accountId, id } of changes)
        await database('outbox').insert({ account_id: accountId, entity, entity_id: id, created_at: at })
      await this.#dialect.announce(database)
    }
    return lastSequence(database)
  }

  /** What other processes, such as `portal init`, have committed since: without the rows as they were before. */
  async #foreignNews(database: Knex.Transaction, at: UnixTime): Promise<ForeignNews> {
    await this.#dialect.beginWrite(database)
    // A write goes first: a transaction that reads before it writes fails where another process wrote in between. The newest entry is
    // never deleted: by it whoever was away sees that there was something.
    await database('outbox')
      .where('sequence', '<', this.#told)
      .andWhere('created_at', '<', at - OUTBOX_KEPT_MS)
      .delete()
    const entries = (await database('outbox').where('sequence', '>', this.#told).orderBy('sequence')) as OutboxEntry[]
    // Whoever was away for longer than entries are kept finds a gap, or an outbox that ends before what it was told: emptied, or a
    // backup's. A rolled back write leaves a gap as well, which costs a reading.
    const first = entries[0]
    const isMissing =
      first === undefined ? (await lastSequence(database)) < this.#told : Number(first.sequence) > this.#told + 1
    if (isMissing) return { rows: await loadRows(database) }
    const changes: Change[] = []
    for (const { entity, account_id: accountId, entity_id: id } of entries) {
      const after = await new KnexReader(database, accountId).get(entity, id)
      changes.push({ entity, accountId, id, ...(after === undefined ? {} : { after }) } as Change)
    }
    return { changes }
  }

  #tell({ foreign, changes, told }: { foreign: ForeignNews; changes: readonly Change[]; told: number }): void {
    this.#told = told
    for (const subscriber of this.#subscribers) {
      if ('rows' in foreign) subscriber.reloaded(foreign.rows)
      for (const batch of ['rows' in foreign ? [] : foreign.changes, changes]) {
        if (batch.length > 0) subscriber.changed(batch)
      }
    }
  }
}

type ForeignNews = { changes: readonly Change[] } | { rows: Rows }

interface OutboxEntry {
  sequence: unknown
  entity: EntityName
  account_id: string
  entity_id: string
}

const loadRows = async (database: Knex): Promise<Rows> => {
  const tables: [EntityName, unknown[]][] = []
  for (const name of ENTITY_NAMES) {
    const rows = (await database(name).orderBy(['created_at', 'id'])) as Record<string, unknown>[]
    tables.push([name, rows.map((row) => decodeRow(name, row))])
  }
  return Object.fromEntries(tables) as Rows
}

const lastSequence = async (database: Knex): Promise<number> => {
  const row = (await database('outbox').max({ last: 'sequence' }).first()) as { last: unknown } | undefined
  return Number(row?.last ?? 0)
}
