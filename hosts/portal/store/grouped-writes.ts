import type { Knex } from 'knex'
import type { Clock } from '../../../core/runtime/clock.ts'
import type { Random } from '../../../core/runtime/random.ts'
import { after, DAY, MINUTE, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import type { AuditIds } from './audit-ids.ts'
import * as audit from './audit-trail.ts'
import type { Dialect } from './dialect.ts'
import { endSignIns } from './ended-sign-ins.ts'
import type { Change } from './entities.ts'
import { foreignChanges, lastSequence, type ForeignChanges } from './foreign-changes.ts'
import { KnexTransaction } from './knex-transaction.ts'
import { keepAnOwner } from './owner-access.ts'
import { insertAll, type Statements } from './statements.ts'
import type { AuditSubject, Scope, Subscriber, Transaction } from './store.ts'
import { busy, MAX_WAIT_MS, MAX_WAITING_WRITES, type WriteQueue } from './write-queue.ts'

export interface GroupedWritesNeeds {
  dialect: Dialect
  clock: Clock
  random: Random
  queue: WriteQueue
  auditIds: AuditIds
  auditedSettings: audit.AuditedSettings
  /** Sequence number of the last outbox entry. */
  told: number
}

/** Most writes that are committed together. */
const MOST_TOGETHER = 256
/** Time for which a change stays in the outbox: far longer than a portal process may lag behind. */
const OUTBOX_KEPT_MS = DAY
/** Interval at which older entries of the outbox are removed. */
const SWEEP_MS = 10 * MINUTE

/** Changes and audit records of a write that is not committed yet. */
interface Written {
  changes: readonly Change[]
  records: readonly audit.NewAuditRecord[]
}

/** One of the writes of a group. */
interface Write {
  /** Runs the write by itself within the group's transaction; undefined if nothing of it is to be kept. */
  run: (group: Group) => Promise<Written | undefined>
  /** Whether it carries out statements of its own, which may fail or be taken back. */
  hasStatements: boolean
  settle: (failure?: { error: unknown }) => void
  since: Instant
}

/** Transaction in which a group of writes is committed. */
interface Group {
  database: Knex.Transaction
  statements: Statements
  at: UnixTime
}

/**
 * Commits the writes that wait at the same time in one transaction of the database, each within a savepoint of its own: a
 * write that fails undoes itself alone. Whoever wrote hears of it when all is committed and the subscribers were told, in
 * the order of the writes.
 */
export class GroupedWrites {
  readonly #needs: GroupedWritesNeeds
  readonly #subscribers = new Set<Subscriber>()
  #waiting: Write[] = []
  #count = 0
  #sweptAt: UnixTime | undefined
  /** Sequence number of the last outbox entry that the subscribers were told of. */
  #told: number

  constructor(needs: GroupedWritesNeeds) {
    this.#needs = needs
    this.#told = needs.told
  }

  /** Sequence number of the last outbox entry that the subscribers were told of. */
  get told(): number {
    return this.#told
  }

  subscribe(subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber)
    return () => this.#subscribers.delete(subscriber)
  }

  /** Runs one account's transaction. See `Store.transact`; a CONFLICT comes with what is in the way. */
  async transact<T>(
    { accountId, by, rehearsal, approve }: Scope,
    { work, collided }: { work: (tx: Transaction) => Promise<T>; collided: (by: KnexTransaction['collision']) => void },
  ): Promise<T> {
    let result: T | undefined
    await this.#add(async ({ at, database, statements }) => {
      const { dialect, random } = this.#needs
      const tx = new KnexTransaction({ dialect, database, statements, accountId, at, random })
      try {
        result = await work(tx)
        await endSignIns(tx, [...tx.changes])
        await keepAnOwner(tx, tx.changes)
        approve?.(tx.changes)
      } finally {
        collided(tx.collision)
      }
      rehearsal?.(tx.changes)
      return rehearsal === undefined ? this.written(tx.changes, { by, at }) : undefined
    })
    return result as T
  }

  /** Adds records to the audit trail. */
  async record(records: readonly audit.NewAuditRecord[]): Promise<void> {
    await this.#add(() => Promise.resolve({ changes: [], records }), { hasStatements: false })
  }

  /** Carries out statements of the caller's, which change these rows. */
  async change(
    changes: readonly Change[],
    by: AuditSubject,
    carryOut: (group: Group) => Promise<unknown>,
  ): Promise<void> {
    await this.#add(async (group) => {
      await carryOut(group)
      return this.written(changes, { by, at: group.at })
    })
  }

  /** Tells the subscribers of changes that other processes have committed. */
  async catchUp(): Promise<void> {
    await this.#add(() => Promise.resolve(undefined), { hasStatements: false })
  }

  /** Returns changes with their audit records. */
  written(changes: readonly Change[], { by, at }: { by: AuditSubject; at: UnixTime }): Written {
    const { auditIds: ids, auditedSettings: settings } = this.#needs
    const records = changes.map((change) => audit.changeRecord(change, { by, at, ids, settings }))
    return { changes, records: records.filter((record) => record !== undefined) }
  }

  async #add(run: Write['run'], { hasStatements } = { hasStatements: true }): Promise<void> {
    if (this.#count >= MAX_WAITING_WRITES) throw busy()
    this.#count++
    try {
      await new Promise<void>((resolve, reject) => {
        const settle: Write['settle'] = (failure) => (failure === undefined ? resolve() : reject(failure.error))
        this.#waiting.push({ run, hasStatements, settle, since: this.#needs.clock.now() })
        if (this.#waiting.length === 1) this.#begin()
      })
    } finally {
      this.#count--
    }
  }

  /** Takes a turn for those that wait now and those that come until then. */
  #begin(): void {
    const { queue, dialect } = this.#needs
    let writes: readonly Write[] = []
    const progress = { isCommitting: false }
    queue
      .take(() => {
        writes = this.#takeSome()
        return dialect.retryWhileLocked(() => this.#commit(writes, progress))
      })
      .then(
        (failures) => {
          for (const write of writes) write.settle(failures.get(write))
        },
        (error: unknown) => {
          // A turn that never came leaves all that waited for it. A connection that was lost before the commit ends the
          // first write; the others are tried again by another one.
          const isUndone = writes.length > 0 && !progress.isCommitting
          const [lost, again] =
            writes.length === 0
              ? [this.#waiting.splice(0), []]
              : isUndone
                ? [writes.slice(0, 1), writes.slice(1)]
                : [writes, []]
          for (const { settle } of lost) settle({ error })
          if (again.length === 0) return
          this.#waiting.unshift(...again)
          if (this.#waiting.length === again.length) this.#begin()
        },
      )
  }

  /** Takes the oldest waiting writes, and refuses those that have waited for too long: their callers have timed out. */
  #takeSome(): readonly Write[] {
    const now = this.#needs.clock.now()
    const late = this.#waiting.filter(({ since }) => now > after(since, MAX_WAIT_MS))
    if (late.length > 0) this.#waiting = this.#waiting.filter((write) => !late.includes(write))
    for (const { settle } of late) settle({ error: busy() })
    const writes = this.#waiting.splice(0, MOST_TOGETHER)
    if (this.#waiting.length > 0) this.#begin()
    return writes
  }

  async #commit(
    writes: readonly Write[],
    progress: { isCommitting: boolean },
  ): Promise<Map<Write, { error: unknown }>> {
    if (writes.length === 0) return new Map()
    progress.isCommitting = false
    const { dialect, clock } = this.#needs
    const at = clock.unix()
    const done = await dialect.knex.transaction(async (database) => {
      await dialect.beginWrite(database)
      const statements = await dialect.statements(database)
      const foreign = await foreignChanges({ database, statements, expressions: dialect.expressions, told: this.#told })
      const group = { database, statements, at }
      const kept: Written[] = []
      const failures = new Map<Write, { error: unknown }>()
      for (const write of writes) {
        const outcome = await alone(write, group)
        if ('failure' in outcome) failures.set(write, outcome.failure)
        else if (outcome.written !== undefined) kept.push(outcome.written)
      }
      const changes = kept.flatMap((written) => written.changes)
      await audit.insertAudit(
        statements,
        kept.flatMap(({ records }) => records),
      )
      const entries = changes.map(({ entity, accountId, id }) => {
        return { account_id: accountId, entity, entity_id: id, created_at: at }
      })
      await insertAll(statements, 'outbox', entries)
      if (changes.length > 0) await dialect.announce(database)
      await this.#sweep(group)
      const told = await lastSequence(statements)
      progress.isCommitting = true
      return { foreign, kept, failures, told }
    })
    this.#tell(done)
    return done.failures
  }

  /** Removes entries of the outbox that no process can have to read; never the newest, which shows that there were changes. */
  async #sweep({ statements, at }: Group): Promise<void> {
    if (this.#sweptAt !== undefined && at >= this.#sweptAt && at < this.#sweptAt + SWEEP_MS) return
    this.#sweptAt = at
    await statements.all('DELETE FROM "outbox" WHERE "sequence" < ? AND "created_at" < ?', [
      this.#told,
      at - OUTBOX_KEPT_MS,
    ])
  }

  #tell({ foreign, kept, told }: { foreign: ForeignChanges; kept: readonly Written[]; told: number }): void {
    this.#told = told
    for (const subscriber of this.#subscribers) {
      if ('rows' in foreign) subscriber.reloaded(foreign.rows)
      for (const changes of ['rows' in foreign ? [] : foreign.changes, ...kept.map((written) => written.changes)]) {
        if (changes.length > 0) subscriber.changed(changes)
      }
    }
  }
}

/** Runs one write within a savepoint, to which it goes back if it fails or is not kept. */
const alone = async (
  { run, hasStatements }: Write,
  group: Group,
): Promise<{ written: Written | undefined } | { failure: { error: unknown } }> => {
  const { statements } = group
  if (!hasStatements) return { written: await run(group) }
  await statements.all('SAVEPOINT one_write')
  try {
    const written = await run(group)
    if (written === undefined) await statements.all('ROLLBACK TO SAVEPOINT one_write')
    return { written }
  } catch (error) {
    // A locked database is waited for with the whole group.
    if (((error as { code?: string }).code ?? '').startsWith('SQLITE_BUSY')) throw error
    await statements.all('ROLLBACK TO SAVEPOINT one_write')
    return { failure: { error } }
  } finally {
    await statements.all('RELEASE SAVEPOINT one_write').catch(() => undefined)
  }
}
