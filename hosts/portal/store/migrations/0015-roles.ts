import type { Knex } from 'knex'

/**
 * Admins become owners: an admin of earlier versions had all rights, as an owner has. API tokens get scopes, those that
 * exist the scope of everything, and a maker, who limits what they may do; of tokens that exist nobody is known.
 */
export const up = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('tokens', (table) => {
    table.text('scopes')
    table.string('maker_id', 36)
  })
  await knex('tokens').where({ kind: 'api' }).update({ scopes: '["write"]' })
  await knex('actors').where({ type: 'admin' }).update({ type: 'owner' })
}

/** Owners become admins again, and whoever has another role an ordinary user, who cannot do more than before. */
export const down = async (knex: Knex): Promise<void> => {
  await knex('actors').whereIn('type', ['admin', 'auditor', 'helpdesk']).update({ type: 'user' })
  await knex('actors').where({ type: 'owner' }).update({ type: 'admin' })
  // knex would copy the table on SQLite, which the rows that refer to it forbid.
  for (const column of ['scopes', 'maker_id']) await knex.raw('ALTER TABLE tokens DROP COLUMN ??', [column])
}
