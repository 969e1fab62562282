import type { Knex } from 'knex'

export const up = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('gateways', (table) => {
    table.boolean('is_ephemeral').notNullable().defaultTo(false)
    table.bigInteger('present_at')
  })
}

export const down = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('gateways', (table) => {
    table.dropColumns('is_ephemeral', 'present_at')
  })
}
