import type { Knex } from 'knex'
import { unixTime, type UnixTime } from '../../../core/runtime/time.ts'
import type { SessionRow, SessionRows } from './store.ts'

/** Sessions in the table of their name. */
export class KnexSessionRows implements SessionRows {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async get(id: string): Promise<SessionRow | undefined> {
    const row = (await this.#knex('sessions').where({ id }).first()) as
      { data: string; expires_at: unknown } | undefined
    return row === undefined ? undefined : { data: row.data, expiresAt: unixTime(Number(row.expires_at)) }
  }

  async put(id: string, { data, expiresAt }: SessionRow): Promise<void> {
    await this.#knex('sessions').insert({ id, data, expires_at: expiresAt }).onConflict('id').merge()
  }

  async remove(id: string): Promise<void> {
    await this.#knex('sessions').where({ id }).delete()
  }

  async removeExpired(now: UnixTime): Promise<void> {
    await this.#knex('sessions').where('expires_at', '<=', now).delete()
  }
}
