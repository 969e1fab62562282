import type { Knex } from 'knex'

/** Rows that an access file has named, which are the ones that a later one may prune. */
export const up = async (knex: Knex): Promise<void> => {
  await knex.schema.createTable('access_file_rows', (table) => {
    table.string('account_id', 36).notNullable().references('id').inTable('accounts')
    table.string('entity', 32).notNullable()
    table.string('entity_id', 36).notNullable()
    table.primary(['account_id', 'entity', 'entity_id'])
  })
}

export const down = async (knex: Knex): Promise<void> => {
  await knex.schema.dropTable('access_file_rows')
}
