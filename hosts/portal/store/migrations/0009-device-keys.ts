import type { Knex } from 'knex'

export const up = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('clients', (table) => {
    table.string('device_key', 44)
    table.boolean('is_proven').notNullable().defaultTo(false)
    table.bigInteger('proven_at')
    table.boolean('accepts_unproven').notNullable().defaultTo(false)
  })
  // Earlier verifications were of an external id, a text that can be copied: no key shows that a device is still the
  // same.
  await knex('clients').update({ verified_at: null })
}

export const down = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('clients', (table) => {
    table.dropColumns('device_key', 'is_proven', 'proven_at', 'accepts_unproven')
  })
}
