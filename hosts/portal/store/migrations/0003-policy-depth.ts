import type { Knex } from 'knex'

export const up = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('policies', (table) => {
    table.string('mode', 16).notNullable().defaultTo('enforced')
    // A policy that is tried out stands beside the one in force for the same pair.
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
