import type { Knex } from 'knex'

export const up = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('policies', (table) => {
    table.string('mode', 16).notNullable().defaultTo('enforced')
    // A shadow policy may exist beside the enforced one for the same group and resource.
    table.dropUnique(['account_id', 'group_id', 'resource_id'])
    table.unique(['account_id', 'group_id', 'resource_id', 'mode'])
  })
  await knex.schema.alterTable('authorizations', (table) => {
    table.text('decision')
  })
}

export const down = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('authorizations', (table) => {
    table.dropColumn('decision')
  })
  await knex('policies').where({ mode: 'shadow' }).delete()
  await knex.schema.alterTable('policies', (table) => {
    table.dropUnique(['account_id', 'group_id', 'resource_id', 'mode'])
    table.unique(['account_id', 'group_id', 'resource_id'])
    table.dropColumn('mode')
  })
}
