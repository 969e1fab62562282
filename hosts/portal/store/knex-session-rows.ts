import type { Knex } from 'knex'
import { unixTime, type UnixTime } from '../../../core/runtime/time.ts'
import type { Dialect } from './dialect.ts'
import type { NamedSession, SessionOwner, SessionRow, SessionRows } from './store.ts'

interface Columns {
  id: string
  account_id: string | null
  actor_id: string | null
  data: string
  expires_at: unknown
}

/** Portal sessions, in the database table of that name. */
export class KnexSessionRows implements SessionRows {
  readonly #knex: Knex
  readonly #retryWhileLocked: Dialect['retryWhileLocked']

  constructor({ knex, retryWhileLocked }: Pick<Dialect, 'knex' | 'retryWhileLocked'>) {
    this.#knex = knex
    this.#retryWhileLocked = retryWhileLocked
  }

  async get(id: string): Promise<SessionRow | undefined> {
    const columns = (await this.#knex('sessions').where({ id }).first()) as Columns | undefined
    return columns === undefined ? undefined : rowOf(columns)
  }

  async put(id: string, { data, expiresAt, owner }: SessionRow): Promise<void> {
    const columns: Columns = { id, data, expires_at: expiresAt, ...columnsOf(owner) }
    await this.#retryWhileLocked(async () => this.#knex('sessions').insert(columns).onConflict('id').merge())
  }

  async remove(id: string): Promise<void> {
    await this.#retryWhileLocked(async () => this.#knex('sessions').where({ id }).delete())
  }

  async listOf(owner: SessionOwner, now: UnixTime): Promise<NamedSession[]> {
    const rows = (await this.#knex('sessions')
      .where(columnsOf(owner))
      .andWhere('expires_at', '>', now)
      .orderBy('expires_at', 'desc')
      .limit(100)) as Columns[]
    return rows.map((columns) => ({ id: columns.id, ...rowOf(columns) }))
  }

  async removeOf(owner: SessionOwner, id: string): Promise<boolean> {
    const removed = await this.#retryWhileLocked(async () =>
      this.#knex('sessions')
        .where({ id, ...columnsOf(owner) })
        .delete(),
    )
    return removed > 0
  }

  async removeExpired(now: UnixTime): Promise<void> {
    await this.#retryWhileLocked(async () => this.#knex('sessions').where('expires_at', '<=', now).delete())
  }
}

const columnsOf = (owner: SessionOwner | undefined): Pick<Columns, 'account_id' | 'actor_id'> => ({
  account_id: owner?.accountId ?? null,
  actor_id: owner?.actorId ?? null,
})

const rowOf = ({ data, expires_at: expiresAt, account_id: accountId, actor_id: actorId }: Columns): SessionRow => ({
  data,
  expiresAt: unixTime(Number(expiresAt)),
  ...(accountId === null || actorId === null ? {} : { owner: { accountId, actorId } }),
})
