import type { Knex } from 'knex'
import { unixTime, type UnixTime } from '../../../core/runtime/time.ts'
import type { EmergencyCode, EmergencyCodes } from './store.ts'

/** Guesses beyond it end the code: it is long enough that nobody mistypes it so often. */
const MOST_ATTEMPTS = 5

interface Columns {
  account_id: string
  actor_id: string
  hash: string
  attempts: number
  expires_at: unknown
}

/** Emergency codes in the table of their name. */
export class KnexEmergencyCodes implements EmergencyCodes {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async put(accountId: string, { actorId, hash, expiresAt }: EmergencyCode): Promise<void> {
    const columns: Columns = { account_id: accountId, actor_id: actorId, hash, attempts: 0, expires_at: expiresAt }
    await this.#knex('emergency_codes').insert(columns).onConflict('account_id').merge()
  }

  async take(
    accountId: string,
    fits: (code: EmergencyCode) => boolean,
    now: UnixTime,
  ): Promise<EmergencyCode | undefined> {
    return this.#knex.transaction(async (database) => {
      const row = () => database('emergency_codes').where({ account_id: accountId })
      // Counted first: of two attempts at once one waits for the other here.
      await row().increment('attempts', 1)
      const columns = (await row().first()) as Columns | undefined
      if (columns === undefined) return undefined
      const code = {
        actorId: columns.actor_id,
        hash: columns.hash,
        expiresAt: unixTime(Number(columns.expires_at)),
      }
      const isLive = code.expiresAt > now && columns.attempts <= MOST_ATTEMPTS
      const isTaken = isLive && fits(code)
      if (!isLive || isTaken) await row().delete()
      return isTaken ? code : undefined
    })
  }
}
