import type { Knex } from 'knex'

export const up = async (knex: Knex): Promise<void> => {
  // Old sessions have no owner: people sign in once more.
  await knex('sessions').delete()
  await knex.schema.alterTable('sessions', (table) => {
    table.string('account_id', 36)
    table.string('actor_id', 36)
    table.index(['account_id', 'actor_id'])
  })
  await knex.schema.alterTable('tokens', (table) => {
    table.string('gateway_id', 36)
    table.index(['account_id', 'gateway_id'])
  })
  // One valid code per account: a newer one replaces it.
  await knex.schema.createTable('emergency_codes', (table) => {
    table.string('account_id', 36).primary().references('id').inTable('accounts')
    table.string('actor_id', 36).notNullable()
    table.string('hash', 64).notNullable()
    table.integer('attempts').notNullable()
    table.bigInteger('expires_at').notNullable()
  })
}

export const down = async (knex: Knex): Promise<void> => {
  await knex.schema.dropTable('emergency_codes')
  await knex.schema.alterTable('tokens', (table) => {
    table.dropIndex(['account_id', 'gateway_id'])
    table.dropColumn('gateway_id')
  })
  await knex.schema.alterTable('sessions', (table) => {
    table.dropIndex(['account_id', 'actor_id'])
    table.dropColumns('account_id', 'actor_id')
  })
}
