import type { Knex } from 'knex'
import { unixTime, type UnixTime } from '../../../core/runtime/time.ts'
import type { Dialect } from './dialect.ts'
import type { EmergencyCode, EmergencyCodes } from './store.ts'

interface Columns {
  account_id: string
  actor_id: string
  hash: string
  /** Of before: guesses are not counted, or a stranger's would end the code. */
  attempts: 0
  expires_at: unknown
}

/** Emergency codes in the table of their name. */
export class KnexEmergencyCodes implements EmergencyCodes {
  readonly #knex: Knex
  readonly #patiently: Dialect['patiently']

  constructor({ knex, patiently }: Pick<Dialect, 'knex' | 'patiently'>) {
    this.#knex = knex
    this.#patiently = patiently
  }

  async put(accountId: string, { actorId, hash, expiresAt }: EmergencyCode): Promise<void> {
    const columns: Columns = { account_id: accountId, actor_id: actorId, hash, attempts: 0, expires_at: expiresAt }
    await this.#patiently(async () => this.#knex('emergency_codes').insert(columns).onConflict('account_id').merge())
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
      // Of two at once with the right code one removes it. A newer one that was made meanwhile stays.
      const removed = await this.#knex('emergency_codes').where({ account_id: accountId, hash: code.hash }).delete()
      return isTaken && removed > 0 ? code : undefined
    }
    return this.#patiently(take)
  }
}
