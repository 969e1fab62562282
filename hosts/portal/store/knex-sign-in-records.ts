import type { Knex } from 'knex'
import type { KeptState, RecordChange } from '../../../core/contract/identity-provider.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import { foldedEmail } from '../text/email-address.ts'

/** Owner of sign-in records: one identity provider of one account. */
export interface RecordScope {
  accountId: string
  providerId: string
  /** Maximum length of a record as JSON; by default the 2 KiB that plugins may use. */
  maxCharacters?: number
}

const MAX_KEY_CHARACTERS = 200
const MAX_RECORD_CHARACTERS = 2_048

/** Error of a record without an end: it would be gone at once, and with it that a code has been used, for example. */
const endless = (key: string): Error => new Error(`the record ${key.slice(0, 40)} has no end: give it "until"`)

/**
 * Reads one record, passes it to `work` (undefined if there is none or it has expired) and stores or deletes it as
 * `work` says, all in one transaction. See `SignInRecords`.
 * @throws Error if a key or a record is too long, or a record has no end
 */
export const changeSignInRecord = async <T>(
  knex: Knex,
  {
    accountId,
    providerId,
    maxCharacters = MAX_RECORD_CHARACTERS,
    key,
    now,
  }: RecordScope & { key: string; now: UnixTime },
  work: (record: KeptState | undefined) => RecordChange<T>,
): Promise<T> => {
  if (key.length > MAX_KEY_CHARACTERS) throw new Error(`the key of a record is too long: ${key.length}`)
  const place = { account_id: accountId, provider_id: providerId, key }
  return knex.transaction(async (database) => {
    const records = () => database('sign_in_records')
    await records().where('expires_at', '<=', now).delete()
    // Inserts an empty row to lock, so that of two requests for the same new key one waits for the other.
    await records()
      .insert({ ...place, record: 'null', expires_at: now })
      .onConflict(['account_id', 'provider_id', 'key'])
      .ignore()
    const row = (await records().where(place).forUpdate().first()) as { record: string }
    const { record, until, about, result } = work((JSON.parse(row.record) as KeptState | null) ?? undefined)
    if (record === undefined) {
      await records().where(place).delete()
      return result
    }
    if (!Number.isFinite(until)) throw endless(key)
    const text = JSON.stringify(record)
    if (text.length > maxCharacters) throw new Error(`a record is too long: ${text.length}`)
    await records()
      .where(place)
      .update({ record: text, expires_at: until, about: about === undefined ? null : (foldedEmail(about) ?? null) })
    return result
  })
}
