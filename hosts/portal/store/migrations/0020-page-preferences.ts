import type { Knex } from 'knex'

/** Choices of people about the pages for admins, as JSON; they go with the person. */
export const up = async (knex: Knex): Promise<void> => {
  await knex.schema.createTable('page_preferences', (table) => {
    table.string('account_id', 36).notNullable()
    table.string('actor_id', 36).notNullable()
    table.text('content').notNullable()
    table.primary(['account_id', 'actor_id'])
    table.foreign(['account_id', 'actor_id']).references(['account_id', 'id']).inTable('actors').onDelete('CASCADE')
  })
}

export const down = async (knex: Knex): Promise<void> => {
  await knex.schema.dropTable('page_preferences')
}
