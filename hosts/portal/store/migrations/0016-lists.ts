import type { Knex } from 'knex'
import { foldedText } from '../../text/folded-text.ts'

/** Columns of each table in which a search looks. */
const SEARCHED: Readonly<Record<string, readonly string[]>> = {
  actors: ['name', 'email'],
  groups: ['name'],
  identity_providers: ['name', 'type'],
  identities: ['issuer', 'subject'],
  sites: ['name'],
  clients: ['name', 'ipv4', 'ipv6'],
  gateways: ['name', 'ipv4', 'ipv6'],
  tokens: ['name'],
  resources: ['name', 'address', 'address_description'],
  policies: ['description'],
}

/** Tables that are large in large accounts, and are sorted by name. */
const SORTED_BY_NAME = ['actors', 'clients', 'resources'] as const

export const up = async (knex: Knex): Promise<void> => {
  for (const [name, columns] of Object.entries(SEARCHED)) {
    await knex.schema.alterTable(name, (table) => {
      table.text('search_text').notNullable().defaultTo('')
    })
    const rows = (await knex(name).select('account_id', 'id', ...columns)) as Record<string, string | null>[]
    for (const { account_id, id, ...texts } of rows) {
      const search_text = foldedText(columns.flatMap((column) => texts[column] ?? []).join('\n'))
      await knex(name).where({ account_id, id }).update({ search_text })
    }
  }
  const isPostgres = (knex.client as { config: { client: unknown } }).config.client === 'pg'
  for (const name of SORTED_BY_NAME) {
    // Lists compare names like this in each database: `sortedText` of its dialect.
    const sorted = isPostgres ? 'lower(name COLLATE "C")' : 'lower(name)'
    await knex.raw(`CREATE INDEX ?? ON ?? (account_id, (${sorted}), id)`, [`${name}_by_name_index`, name])
  }
}

export const down = async (knex: Knex): Promise<void> => {
  for (const name of SORTED_BY_NAME) await knex.raw('DROP INDEX ??', [`${name}_by_name_index`])
  for (const name of Object.keys(SEARCHED)) {
    // knex would copy the table on SQLite, which the rows that refer to it forbid.
    await knex.raw('ALTER TABLE ?? DROP COLUMN search_text', [name])
  }
}
