import type { Knex } from 'knex'
import type { Dialect } from './dialect.ts'
import type { PagePreferences, SessionOwner } from './store.ts'

interface Columns {
  account_id: string
  actor_id: string
  content: string
}

/** Choices of people about the pages for admins, in the database table of that name. */
export class KnexPagePreferences implements PagePreferences {
  readonly #knex: Knex
  readonly #retryWhileLocked: Dialect['retryWhileLocked']

  constructor({ knex, retryWhileLocked }: Pick<Dialect, 'knex' | 'retryWhileLocked'>) {
    this.#knex = knex
    this.#retryWhileLocked = retryWhileLocked
  }

  async get({ accountId, actorId }: SessionOwner): Promise<string | undefined> {
    const key = { account_id: accountId, actor_id: actorId }
    return ((await this.#knex('page_preferences').where(key).first()) as Columns | undefined)?.content
  }

  async put({ accountId, actorId }: SessionOwner, content: string): Promise<void> {
    const columns: Columns = { account_id: accountId, actor_id: actorId, content }
    await this.#retryWhileLocked(async () =>
      this.#knex('page_preferences').insert(columns).onConflict(['account_id', 'actor_id']).merge(),
    )
  }
}
