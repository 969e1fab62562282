import type { Knex } from 'knex'

export const up = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('accounts', (table) => {
    table.text('address_ranges')
  })
}

export const down = async (knex: Knex): Promise<void> => {
  // Knex would make an SQLite table anew, to whose rows those of others refer.
  await knex.raw('alter table accounts drop column address_ranges')
}
