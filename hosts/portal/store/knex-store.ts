import type { Knex } from 'knex'
import type { SignInRecords } from '../../../core/contract/identity-provider.ts'
import { OperatorError } from '../../../core/config/operator-error.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { uuid, type Random } from '../../../core/runtime/random.ts'
import { SECOND, type UnixTime } from '../../../core/runtime/time.ts'
import type { Account, Rows } from './entities.ts'
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
import { lastSequence, loadRows } from './foreign-changes.ts'
import { GroupedWrites } from './grouped-writes.ts'
import { insertAll } from './statements.ts'
import { RefusedSignIns } from './refused-sign-ins.ts'
import type { KnexTransaction } from './knex-transaction.ts'
import { migrationSource, refuseNewerSchema } from './migration-source.ts'
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
import { WriteQueue } from './write-queue.ts'

export interface KnexStoreOptions {
  database: DatabaseConfig
  clock: Clock
  random: Random
  logger: Logger
  /** Hides secrets in plugin settings before they are audited; by default hides all settings. */
  auditedSettings?: audit.AuditedSettings
}

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
  readonly #auditIds: AuditIds
  readonly #writes: GroupedWrites
  readonly #queue: WriteQueue
  readonly #refused: RefusedSignIns
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
    this.#refused = new RefusedSignIns({ clock, logger, write: (id, event) => this.#insertSignIn(id, event) })
    this.#random = random
    this.#auditIds = new AuditIds(random)
    this.#writes = new GroupedWrites({
      dialect,
      clock,
      random,
      queue: this.#queue,
      auditIds: this.#auditIds,
      auditedSettings: auditedSettings ?? audit.HIDE_ALL_SETTINGS,
      told,
    })
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
      const told = await knex.transaction(async (tx) => lastSequence(await dialect.statements(tx)))
      const store = new KnexStore(dialect, options, told)
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
    return this.#writes.subscribe(subscriber)
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

  get isShared(): boolean {
    return this.#dialect.isShared
  }

  listenFailure(): string | undefined {
    return this.#dialect.listenFailure()
  }

  async transact<T>(scope: Scope, work: (tx: Transaction) => Promise<T>): Promise<T> {
    let collision: KnexTransaction['collision']
    try {
      return await this.#writes.transact(scope, { work, collided: (by) => (collision = by) })
    } catch (error) {
      throw await this.#withCollision(error, scope.accountId, collision)
    }
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
    const at = this.#clock.unix()
    const account: Account = {
      id: uuid(this.#random),
      slug,
      name,
      isDisabled: false,
      upstreamResolvers: [],
      searchDomain: null,
      addressRanges: null,
      createdAt: at,
      updatedAt: at,
    }
    const { id } = account
    try {
      await this.#writes.change([{ entity: 'accounts', accountId: id, id, after: account }], by, ({ statements }) =>
        insertAll(statements, 'accounts', [encodeRow('accounts', account)]),
      )
    } catch (error) {
      throw this.#dialect.storeErrorOf(error)
    }
    return account
  }

  async recordDecision(accountId: string, decision: Decision): Promise<void> {
    await this.#writes.record([audit.decisionRecord(accountId, decision, this.#auditIds)])
  }

  async recordSignIn(accountId: string, event: SignInEvent): Promise<void> {
    await (event.action === 'refused' ? this.#refused.add(accountId, event) : this.#insertSignIn(accountId, event))
  }

  async #insertSignIn(accountId: string, event: SignInEvent): Promise<void> {
    await this.#writes.record([audit.signInRecord(accountId, event, this.#auditIds)])
  }

  async recordRefusedCall(accountId: string, call: RefusedCall, repeated: number): Promise<void> {
    await this.#writes.record([audit.refusedCallRecord(accountId, { call, repeated }, this.#auditIds)])
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

  async auditPerPeriod(
    accountId: string,
    filter: AuditFilter,
    periods: { since: UnixTime; length: number },
  ): Promise<Map<number, number>> {
    return audit.countPerPeriod(this.#knex, { accountId, filter, ...periods })
  }

  async removeAudit(accountId: string, which: OldAudit): Promise<number> {
    const how = { accountId, at: this.#clock.unix(), ids: this.#auditIds }
    return this.#queued(() =>
      this.#knex.transaction(async (database) => {
        await this.#dialect.beginWrite(database)
        const statements = await this.#dialect.statements(database)
        return audit.removeOldAudit({ database, statements }, which, how)
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
    if (!this.#isClosed && !(await this.#hasToldAll())) await this.#writes.catchUp()
  }

  /** Whether the outbox has no entry that the subscribers were not told of. */
  async #hasToldAll(): Promise<boolean> {
    return (
      (await this.#knex.transaction(async (tx) => lastSequence(await this.#dialect.statements(tx)))) ===
      this.#writes.told
    )
  }
}
