import type { Knex } from 'knex'

export const up = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('tokens', (table) => {
    table.boolean('is_emergency').notNullable().defaultTo(false)
  })
}

export const down = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('tokens', (table) => {
    table.dropColumn('is_emergency')
  })
}
