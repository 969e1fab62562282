import type { Knex } from 'knex'

/** Each connect looks whether another device has its key, while every other write waits. */
const TABLES = ['clients', 'gateways'] as const

export const up = async (knex: Knex): Promise<void> => {
  for (const name of TABLES) {
    await knex.schema.alterTable(name, (table) => {
      table.index(['account_id', 'public_key'])
    })
  }
}

export const down = async (knex: Knex): Promise<void> => {
  for (const name of TABLES) {
    await knex.schema.alterTable(name, (table) => {
      table.dropIndex(['account_id', 'public_key'])
    })
  }
}
