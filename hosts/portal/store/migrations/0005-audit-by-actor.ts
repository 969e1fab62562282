import type { Knex } from 'knex'

export const up = async (knex: Knex): Promise<void> => {
  // The actor whose request or sign-in a record is about, so far only in the JSON details, becomes a column with an
  // index.
  await knex.schema.alterTable('audit_log', (table) => {
    table.string('actor_id', 36)
    table.index(['account_id', 'actor_id', 'kind', 'created_at', 'id'], 'audit_log_actor_index')
  })
  const isPostgres = (knex.client as { config: { client: unknown } }).config.client === 'pg'
  const actorId = isPostgres ? `details::json ->> 'actorId'` : `json_extract(details, '$.actorId')`
  await knex('audit_log')
    .where({ kind: 'decision' })
    .update({ actor_id: knex.raw(actorId) })
  await knex('audit_log')
    .where({ kind: 'sign_in' })
    .update({ actor_id: knex.ref('entity_id') })
}

export const down = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('audit_log', (table) => {
    table.dropIndex([], 'audit_log_actor_index')
    table.dropColumn('actor_id')
  })
}
