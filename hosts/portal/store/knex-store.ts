import type { Knex } from 'knex'
import type { SignInRecords } from '../../../core/contract/identity-provider.ts'
import { OperatorError } from '../../../core/config/operator-error.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { uuid, type Random } from '../../../core/runtime/random.ts'
import { DAY, SECOND, type UnixTime } from '../../../core/runtime/time.ts'
import { endSignIns } from './ended-sign-ins.ts'
import type { Account, Change, EntityName, Rows } from './entities.ts'
import { AuditIds } from './audit-ids.ts'
import * as audit from './audit-trail.ts'
import type { DatabaseConfig, Dialect } from './dialect.ts'
import type { Count } from './find-query.ts'
import { openDialect } from './open-dialect.ts'
import { KnexEmergencyCodes } from './knex-emergency-codes.ts'
import { KnexIdempotencyKeys } from './knex-idempotency-keys.ts'
import { KnexPagePreferences } from './knex-page-preferences.ts'
import { KnexReader } from './knex-reader.ts'
import { KnexSessionRows } from './knex-session-rows.ts'
import { changeSignInRecord, type RecordScope } from './knex-sign-in-records.ts'
import { RefusedSignIns } from './refused-sign-ins.ts'
import { KnexTransaction } from './knex-transaction.ts'
import { migrationSource, refuseNewerSchema } from './migration-source.ts'
import { keepAnOwner } from './owner-access.ts'
import { decodeRow, encodeRow } from './row-codec.ts'
import { StoreError } from './store-error.ts'
import type {
  AuditFilter,
  AuditRecord,
  AuditSubject,
  Decision,
  EmergencyCodes,
  IdempotencyKeys,
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
import { WriteQueue } from './write-queue.ts'

export interface KnexStoreOptions {
  database: DatabaseConfig
  clock: Clock
  random: Random
  logger: Logger
  /** Hides secrets in plugin settings before they are audited; by default hides all settings. */
  auditedSettings?: audit.AuditedSettings
}

/** Time for which a change stays in the outbox: far longer than a portal process may lag behind. */
const OUTBOX_KEPT_MS = DAY

/** Age of the oldest waiting write above which the process reports that it is not ready. */
const SLOW_WRITE_MS = 10 * SECOND
const CHECK_MS = 5 * SECOND

/** Store in an SQL database, through knex. */
export class KnexStore implements Store {
  readonly sessions: SessionRows
  readonly emergencyCodes: EmergencyCodes
  readonly idempotencyKeys: IdempotencyKeys
  readonly pagePreferences: Store['pagePreferences']
  readonly #knex: Knex
  readonly #dialect: Dialect
  readonly #clock: Clock
  readonly #random: Random
  readonly #auditedSettings: audit.AuditedSettings
  readonly #auditIds: AuditIds
  readonly #subscribers = new Set<Subscriber>()
  readonly #queue: WriteQueue
  readonly #refused: RefusedSignIns
  /** Sequence number of the last outbox entry that the subscribers were told of. */
  #told: number
  #isClosed = false

  private constructor(dialect: Dialect, { clock, random, logger, auditedSettings }: KnexStoreOptions, told: number) {
    const { knex } = dialect
    this.#dialect = dialect
    this.#knex = knex
    this.sessions = new KnexSessionRows(dialect)
    this.emergencyCodes = new KnexEmergencyCodes(dialect)
    this.idempotencyKeys = new KnexIdempotencyKeys(dialect)
    this.pagePreferences = new KnexPagePreferences(dialect)
    this.#clock = clock
    this.#queue = new WriteQueue(clock)
    this.#told = told
    this.#refused = new RefusedSignIns({ clock, logger, write: (id, event) => this.#insertSignIn(id, event) })
    this.#random = random
    this.#auditIds = new AuditIds(random)
    this.#auditedSettings = auditedSettings ?? audit.HIDE_ALL_SETTINGS
  }

  /** Opens the database and brings its tables up to date. */
  static async open(options: KnexStoreOptions): Promise<KnexStore> {
    const dialect = openDialect(options.database, options)
    const { knex } = dialect
    try {
      await dialect.runMigrations(async (migrator) => {
        await refuseNewerSchema(migrator)
        await migrator.migrate.latest({ migrationSource })
      })
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
    const { delayMs } = this.#queue
    if (delayMs > SLOW_WRITE_MS) throw new Error(`a write has been waiting for ${Math.round(delayMs / SECOND)} s`)
    await this.#knex.raw('SELECT 1').timeout(CHECK_MS)
  }

  /**
   * Translates the error of an unreachable or unusable database into a StoreError; returns any other error unchanged.
   */
  unavailability(error: unknown): unknown {
    if (error instanceof StoreError || !(this.#dialect.operatorErrorOf(error) instanceof OperatorError)) return error
    return new StoreError('UNAVAILABLE', 'The database cannot be reached at the moment.', [], undefined, {
      cause: error,
    })
  }

  listenFailure(): string | undefined {
    return this.#dialect.listenFailure()
  }

  async transact<T>({ accountId, by, rehearsal, approve }: Scope, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#queued(async () => {
      const at = this.#clock.unix()
      let collision: KnexTransaction['collision']
      let rehearsed: { result: T } | undefined
      try {
        const { result, ...written } = await this.#knex.transaction(async (database) => {
          const foreign = await this.#foreignChanges(database, at)
          const tx = new KnexTransaction({ dialect: this.#dialect, database, accountId, at, random: this.#random })
          try {
            const result = await work(tx)
            await endSignIns(tx, [...tx.changes])
            await keepAnOwner(tx, tx.changes)
            approve?.(tx.changes)
            if (rehearsal !== undefined) {
              rehearsed = { result }
              rehearsal(tx.changes)
              throw new RolledBack()
            }
            const told = await this.#record(database, tx.changes, { by, at })
            return { result, foreign, changes: tx.changes, told }
          } finally {
            ;({ collision } = tx)
          }
        })
        this.#tell(written)
        return result
      } catch (error) {
        if (error instanceof RolledBack && rehearsed !== undefined) return rehearsed.result
        throw await this.#withCollision(error, accountId, collision)
      }
    })
  }

  /**
   * Adds to a CONFLICT the id of the row that is in the way. Reads it outside the failed transaction, which can run no
   * more queries.
   */
  async #withCollision(error: unknown, accountId: string, collision: KnexTransaction['collision']): Promise<unknown> {
    if (!(error instanceof StoreError) || error.code !== 'CONFLICT' || collision === undefined) return error
    const { name, where } = collision
    const [row] = await this.reader(accountId).list(name, { where, limit: 1 })
    return row === undefined ? error : new StoreError('CONFLICT', error.message, error.columns, row.id)
  }

  reader(accountId: string): Reader {
    return new KnexReader(this.#knex, accountId, this.#dialect.expressions)
  }

  async accountBySlug(slug: string): Promise<Account | undefined> {
    const row = (await this.#knex('accounts').where({ slug }).first()) as Record<string, unknown> | undefined
    return row === undefined ? undefined : decodeRow('accounts', row)
  }

  async createAccount({ slug, name }: { slug: string; name: string }, by: AuditSubject): Promise<Account> {
    return this.#queued(async () => {
      const at = this.#clock.unix()
      const id = uuid(this.#random)
      const account: Account = {
        id,
        slug,
        name,
        isDisabled: false,
        upstreamResolvers: [],
        searchDomain: null,
        addressRanges: null,
        createdAt: at,
        updatedAt: at,
      }
      const changes: Change[] = [{ entity: 'accounts', accountId: id, id, after: account }]
      try {
        const written = await this.#knex.transaction(async (database) => {
          const foreign = await this.#foreignChanges(database, at)
          await database('accounts').insert(encodeRow('accounts', account))
          return { foreign, changes, told: await this.#record(database, changes, { by, at }) }
        })
        this.#tell(written)
      } catch (error) {
        throw this.#dialect.storeErrorOf(error)
      }
      return account
    })
  }

  async recordDecision(accountId: string, decision: Decision): Promise<void> {
    await this.#queued(() => audit.insertAudit(this.#knex, [audit.decisionRecord(accountId, decision, this.#auditIds)]))
  }

  async recordSignIn(accountId: string, event: SignInEvent): Promise<void> {
    await (event.action === 'refused' ? this.#refused.add(accountId, event) : this.#insertSignIn(accountId, event))
  }

  async #insertSignIn(accountId: string, event: SignInEvent): Promise<void> {
    await this.#queued(() => audit.insertAudit(this.#knex, [audit.signInRecord(accountId, event, this.#auditIds)]))
  }

  async recordRefusedCall(accountId: string, call: RefusedCall, repeated: number): Promise<void> {
    const record = audit.refusedCallRecord(accountId, { call, repeated }, this.#auditIds)
    await this.#queued(() => audit.insertAudit(this.#knex, [record]))
  }

  async decisionsOf(accountId: string, actorId: string, limit: number): Promise<AuditRecord[]> {
    return audit.readDecisions(this.#knex, { accountId, actorId, limit })
  }

  signInRecords(scope: RecordScope): SignInRecords {
    return {
      change: (key, work) =>
        this.#queued(() => changeSignInRecord(this.#knex, { ...scope, key, now: this.#clock.unix() }, work)),
    }
  }

  async auditLog(accountId: string, asked: Page & AuditFilter & { isOldestFirst?: boolean }): Promise<AuditRecord[]> {
    return audit.readAudit(this.#knex, accountId, asked)
  }

  async countAudit(accountId: string, filter: AuditFilter): Promise<Count> {
    return audit.countAudit(this.#knex, accountId, filter)
  }

  async removeAudit(accountId: string, which: OldAudit): Promise<number> {
    const how = { accountId, at: this.#clock.unix(), ids: this.#auditIds }
    return this.#queued(() =>
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
    return this.#queued(async () => {
      // If two processes start at once, the value of the first one stays.
      await this.#knex('key_check').insert({ id: 1, value: ours }).onConflict('id').ignore()
      return ((await this.#knex('key_check').where({ id: 1 }).first()) as { value: string }).value
    })
  }

  async close(): Promise<void> {
    await this.#refused.flush()
    this.#isClosed = true
    await this.#queue.drained()
    await this.#dialect.close()
  }

  async #queued<T>(write: () => Promise<T>): Promise<T> {
    return this.#queue.take(() => this.#dialect.retryWhileLocked(write))
  }

  /** Tells the subscribers of changes that other processes have committed. */
  async #catchUp(): Promise<void> {
    if (this.#isClosed) return
    await this.#queued(async () => {
      if ((await lastSequence(this.#knex)) === this.#told) return
      const at = this.#clock.unix()
      const written = await this.#knex.transaction(async (database) => {
        const foreign = await this.#foreignChanges(database, at)
        return { foreign, changes: [], told: await lastSequence(database) }
      })
      this.#tell(written)
    })
  }

  /** Writes audit records and outbox entries of the changes. Returns the outbox's last sequence number. */
  async #record(
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

  /**
   * Reads the changes that other processes, such as `portal init`, have committed since the last write, without the
   * previous versions of the rows; or all rows if entries of the outbox are missing.
   */
  async #foreignChanges(database: Knex.Transaction, at: UnixTime): Promise<ForeignChanges> {
    await this.#dialect.beginWrite(database)
    // The delete comes first because SQLite fails a transaction that reads before it writes if another process wrote in
    // between. The newest entry is never deleted: it shows a process that was away that there were changes.
    await database('outbox')
      .where('sequence', '<', this.#told)
      .andWhere('created_at', '<', at - OUTBOX_KEPT_MS)
      .delete()
    const entries = (await database('outbox').where('sequence', '>', this.#told).orderBy('sequence')) as OutboxEntry[]
    // A process that was away for longer than entries are kept finds a gap, or an outbox that ends before its own
    // position (emptied, or restored from a backup). A rolled back write leaves a gap as well; that only costs a
    // reload.
    const first = entries[0]
    const isMissing =
      first === undefined ? (await lastSequence(database)) < this.#told : Number(first.sequence) > this.#told + 1
    if (isMissing) return { rows: await loadRows(database) }
    const changes: Change[] = []
    for (const { entity, account_id: accountId, entity_id: id } of entries) {
      const after = await new KnexReader(database, accountId, this.#dialect.expressions).get(entity, id)
      changes.push({ entity, accountId, id, ...(after === undefined ? {} : { after }) } as Change)
    }
    return { changes }
  }

  #tell({ foreign, changes, told }: { foreign: ForeignChanges; changes: readonly Change[]; told: number }): void {
    this.#told = told
    for (const subscriber of this.#subscribers) {
      if ('rows' in foreign) subscriber.reloaded(foreign.rows)
      for (const batch of ['rows' in foreign ? [] : foreign.changes, changes]) {
        if (batch.length > 0) subscriber.changed(batch)
      }
    }
  }
}

type ForeignChanges = { changes: readonly Change[] } | { rows: Rows }

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

/** Ends the transaction of a rehearsal, which the database undoes. */
class RolledBack extends Error {
  override readonly name = 'RolledBack'
}
