import type { Knex } from 'knex'
import { unixTime, type UnixTime } from '../../../core/runtime/time.ts'
import type { Dialect } from './dialect.ts'
import type { EmergencyCode, EmergencyCodes } from './store.ts'

interface Columns {
  account_id: string
  actor_id: string
  hash: string
  /** Unused column: wrong guesses are not counted, because a stranger could then use up the code. */
  attempts: 0
  expires_at: unknown
}

/** Emergency codes, in the database table of that name. */
export class KnexEmergencyCodes implements EmergencyCodes {
  readonly #knex: Knex
  readonly #retryWhileLocked: Dialect['retryWhileLocked']

  constructor({ knex, retryWhileLocked }: Pick<Dialect, 'knex' | 'retryWhileLocked'>) {
    this.#knex = knex
    this.#retryWhileLocked = retryWhileLocked
  }

  async put(accountId: string, { actorId, hash, expiresAt }: EmergencyCode): Promise<void> {
    const columns: Columns = { account_id: accountId, actor_id: actorId, hash, attempts: 0, expires_at: expiresAt }
    await this.#retryWhileLocked(async () =>
      this.#knex('emergency_codes').insert(columns).onConflict('account_id').merge(),
    )
  }

  async take(
    accountId: string,
    fits: (code: EmergencyCode) => boolean,
    now: UnixTime,
  ): Promise<EmergencyCode | undefined> {
    const take = async (): Promise<EmergencyCode | undefined> => {
      const row = this.#knex('emergency_codes').where({ account_id: accountId })
      const columns = (await row.first()) as Columns | undefined
      if (columns === undefined) return undefined
      const code = { actorId: columns.actor_id, hash: columns.hash, expiresAt: unixTime(Number(columns.expires_at)) }
      const isTaken = code.expiresAt > now && fits(code)
      if (!isTaken && code.expiresAt > now) return undefined
      // If two requests present the right code at once, only one of them removes the row. The hash keeps a newer code
      // that was made meanwhile.
      const removed = await this.#knex('emergency_codes').where({ account_id: accountId, hash: code.hash }).delete()
      return isTaken && removed > 0 ? code : undefined
    }
    return this.#retryWhileLocked(take)
  }
}
