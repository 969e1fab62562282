import type { Knex } from 'knex'

export const up = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('identity_providers', (table) => {
    table.text('email_domains').notNullable().defaultTo('[]')
  })
  // Providers without domains accepted every address. An account's first provider keeps doing so, like the first one of
  // a new account.
  const providers = (await knex('identity_providers').orderBy(['created_at', 'id'])) as Provider[]
  const first = new Map(providers.toReversed().map(({ id, account_id }) => [account_id, id]))
  for (const [account_id, id] of first)
    await knex('identity_providers').where({ account_id, id }).update({ email_domains: '["*"]' })
  await knex.schema.alterTable('sign_in_records', (table) => {
    table.string('about', 254)
    table.index(['account_id', 'about'])
  })
  // Mailed codes that are still pending do not say whose they are.
  await knex('sign_in_records').where('key', 'like', 'code/%').delete()
}

export const down = async (knex: Knex): Promise<void> => {
  await knex.schema.alterTable('sign_in_records', (table) => {
    table.dropIndex(['account_id', 'about'])
    table.dropColumn('about')
  })
  await knex.schema.alterTable('identity_providers', (table) => {
    table.dropColumn('email_domains')
  })
}

interface Provider {
  id: string
  account_id: string
}
