import type { Knex } from 'knex'

export const up = async (knex: Knex): Promise<void> => {
  // One row with a value derived from the portal's secret key: recognizes the key without revealing it.
  await knex.schema.createTable('key_check', (table) => {
    table.integer('id').primary()
    table.string('value', 64).notNullable()
  })
}

export const down = async (knex: Knex): Promise<void> => {
  await knex.schema.dropTable('key_check')
}
