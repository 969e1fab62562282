import type { Knex } from 'knex'

export const up = async (knex: Knex): Promise<void> => {
  await knex.schema.createTable('sign_in_records', (table) => {
    table.string('account_id', 36).notNullable()
    table.string('provider_id', 36).notNullable()
    table.string('key', 200).notNullable()
    table.text('record').notNullable()
    table.bigInteger('expires_at').notNullable().index()
    table.primary(['account_id', 'provider_id', 'key'])
    table
      .foreign(['account_id', 'provider_id'])
      .references(['account_id', 'id'])
      .inTable('identity_providers')
      .onDelete('CASCADE')
  })
}

export const down = async (knex: Knex): Promise<void> => {
  await knex.schema.dropTable('sign_in_records')
}
