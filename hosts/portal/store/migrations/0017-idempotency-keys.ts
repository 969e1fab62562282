import type { Knex } from 'knex'

/** Answers that calls of the API with an `Idempotency-Key` got, for a day. */
export const up = async (knex: Knex): Promise<void> => {
  await knex.schema.createTable('idempotency_keys', (table) => {
    table.string('account_id', 36).notNullable().references('id').inTable('accounts')
    table.string('token_id', 36).notNullable()
    table.string('key_hash', 64).notNullable()
    table.string('fingerprint', 64).notNullable()
    table.string('claim', 36).notNullable()
    table.text('answer')
    table.bigInteger('expires_at').notNullable().index()
    table.primary(['account_id', 'token_id', 'key_hash'])
  })
}

export const down = async (knex: Knex): Promise<void> => {
  await knex.schema.dropTable('idempotency_keys')
}
