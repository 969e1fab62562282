import type { Knex } from 'knex'

/** Tokens keep what the identity provider said at the sign-in. Nobody knows that of older ones. */
export const up = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('tokens', (table) => {
    table.text('sign_in')
  })
}

export const down = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('tokens', (table) => {
    table.dropColumn('sign_in')
  })
}
