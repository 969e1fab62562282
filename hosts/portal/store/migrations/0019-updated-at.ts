import type { Knex } from 'knex'

const TABLES = [
  'accounts',
  'actors',
  'groups',
  'memberships',
  'identity_providers',
  'identities',
  'sites',
  'clients',
  'gateways',
  'tokens',
  'resources',
  'policies',
  'authorizations',
] as const

/** Rows note when they were last changed. Of rows that exist nobody knows, so they count as unchanged since they were made. */
export const up = async (knex: Knex): Promise<void> => {
  for (const name of TABLES) {
    await knex.schema.alterTable(name, (table) => {
      table.bigInteger('updated_at').notNullable().defaultTo(0)
    })
    await knex(name).update({ updated_at: knex.ref('created_at') })
  }
}

export const down = async (knex: Knex): Promise<void> => {
  // knex would copy the table on SQLite, which the rows that refer to it forbid.
  for (const name of TABLES) await knex.raw('ALTER TABLE ?? DROP COLUMN updated_at', [name])
}
