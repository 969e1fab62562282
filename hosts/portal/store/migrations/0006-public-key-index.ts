import type { Knex } from 'knex'

/**
 * Tables searched by public key at each connect, to see whether another device has the same key; other writes wait
 * meanwhile.
 */
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
