import type { Knex } from 'knex'
import type { Dialect } from './dialect.ts'
import type { ClaimedKey, IdempotencyKeys, KeyClaim, KeyOwner } from './store.ts'

/** Keys that one account may have at a time. */
const MAX_KEYS = 10_000

interface Columns {
  account_id: string
  token_id: string
  key_hash: string
  fingerprint: string
  /** Id of the call that has the key. */
  claim: string
  /** Sealed answer; null while the call is under way, or if it was cut off. */
  answer: string | null
  expires_at: unknown
}

/** Keys by which calls of the API are carried out once, in the database table of that name. */
export class KnexIdempotencyKeys implements IdempotencyKeys {
  readonly #knex: Knex
  readonly #retryWhileLocked: Dialect['retryWhileLocked']
  readonly #maxKeys: number

  /** @param maxKeys keys that one account may have at a time */
  constructor({ knex, retryWhileLocked }: Pick<Dialect, 'knex' | 'retryWhileLocked'>, maxKeys = MAX_KEYS) {
    this.#knex = knex
    this.#maxKeys = maxKeys
    this.#retryWhileLocked = retryWhileLocked
  }

  async claim(owner: KeyOwner, { claim, fingerprint, now, expiresAt }: KeyClaim): Promise<ClaimedKey> {
    return this.#retryWhileLocked(async () => {
      await this.#knex('idempotency_keys').where('expires_at', '<=', now).delete()
      const of = { account_id: owner.accountId }
      const known = (await this.#row(owner).first()) as Columns | undefined
      if (known === undefined) {
        const counted = await this.#knex('idempotency_keys').where(of).count({ count: '*' }).first()
        if (Number(counted?.['count'] ?? 0) >= this.#maxKeys) return { type: 'full' }
        const columns: Columns = { ...columnsOf(owner), fingerprint, claim, answer: null, expires_at: expiresAt }
        await this.#knex('idempotency_keys').insert(columns).onConflict(['account_id', 'token_id', 'key_hash']).ignore()
      }
      const row = known ?? ((await this.#row(owner).first()) as Columns | undefined)
      if (row === undefined || row.claim === claim) return { type: 'claimed' }
      return row.fingerprint === fingerprint ? { type: 'known', answer: row.answer ?? undefined } : { type: 'other' }
    })
  }

  async finish(owner: KeyOwner, claim: string, answer: string): Promise<void> {
    await this.#retryWhileLocked(async () => this.#row(owner).where({ claim }).update({ answer }))
  }

  async release(owner: KeyOwner, claim: string): Promise<void> {
    await this.#retryWhileLocked(async () => this.#row(owner).where({ claim }).delete())
  }

  #row(owner: KeyOwner): Knex.QueryBuilder {
    return this.#knex('idempotency_keys').where(columnsOf(owner))
  }
}

const columnsOf = ({
  accountId,
  tokenId,
  keyHash,
}: KeyOwner): Pick<Columns, 'account_id' | 'token_id' | 'key_hash'> => ({
  account_id: accountId,
  token_id: tokenId,
  key_hash: keyHash,
})
