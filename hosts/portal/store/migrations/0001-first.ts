import type { Knex } from 'knex'

// Foreign keys are (account_id, id), so that a row cannot reference another account's rows.
const refer = (table: Knex.CreateTableBuilder, column: string, parent: string): void => {
  table.foreign(['account_id', column]).references(['account_id', 'id']).inTable(parent)
}

const own = (table: Knex.CreateTableBuilder): void => {
  table.string('id', 36).notNullable()
  table.string('account_id', 36).notNullable().references('id').inTable('accounts')
  table.bigInteger('created_at').notNullable()
  table.primary(['account_id', 'id'])
  table.index(['account_id', 'created_at', 'id'])
}

export const up = async (knex: Knex): Promise<void> => {
  await knex.schema.createTable('accounts', (table) => {
    table.string('id', 36).primary()
    table.string('slug', 63).notNullable().unique()
    table.string('name', 255).notNullable()
    table.boolean('is_disabled').notNullable()
    table.text('upstream_resolvers').notNullable()
    table.string('search_domain', 253)
    table.bigInteger('created_at').notNullable()
  })
  await knex.schema.createTable('actors', (table) => {
    own(table)
    table.string('type', 32).notNullable()
    table.string('name', 255).notNullable()
    table.string('email', 254)
    table.boolean('is_disabled').notNullable()
    table.unique(['account_id', 'email'])
  })
  await knex.schema.createTable('groups', (table) => {
    own(table)
    table.string('name', 255).notNullable()
    table.unique(['account_id', 'name'])
  })
  await knex.schema.createTable('memberships', (table) => {
    own(table)
    table.string('group_id', 36).notNullable()
    table.string('actor_id', 36).notNullable()
    refer(table, 'group_id', 'groups')
    refer(table, 'actor_id', 'actors')
    table.unique(['account_id', 'group_id', 'actor_id'])
    table.index(['account_id', 'actor_id'])
  })
  await knex.schema.createTable('identity_providers', (table) => {
    own(table)
    table.string('name', 255).notNullable()
    table.string('type', 64).notNullable()
    table.text('settings').notNullable()
    table.boolean('is_default').notNullable()
    table.boolean('is_disabled').notNullable()
    table.integer('client_token_lifetime_seconds').notNullable()
    table.integer('session_lifetime_seconds').notNullable()
    table.unique(['account_id', 'name'])
  })
  await knex.schema.createTable('identities', (table) => {
    own(table)
    table.string('actor_id', 36).notNullable()
    table.string('identity_provider_id', 36).notNullable()
    table.string('issuer', 512).notNullable()
    table.string('subject', 512).notNullable()
    refer(table, 'actor_id', 'actors')
    refer(table, 'identity_provider_id', 'identity_providers')
    table.unique(['account_id', 'identity_provider_id', 'issuer', 'subject'])
    table.index(['account_id', 'actor_id'])
  })
  await knex.schema.createTable('sites', (table) => {
    own(table)
    table.string('name', 255).notNullable()
    table.string('selector', 64).notNullable()
    table.text('selector_settings').notNullable()
    table.unique(['account_id', 'name'])
  })
  await knex.schema.createTable('tokens', (table) => {
    own(table)
    table.string('kind', 16).notNullable()
    table.string('name', 255).notNullable()
    table.string('actor_id', 36)
    table.string('site_id', 36)
    table.string('identity_provider_id', 36)
    table.string('salt', 64).notNullable()
    table.string('hash', 64).notNullable()
    table.bigInteger('expires_at')
    table.bigInteger('last_used_at')
    refer(table, 'actor_id', 'actors')
    refer(table, 'site_id', 'sites')
    refer(table, 'identity_provider_id', 'identity_providers')
    table.index(['account_id', 'actor_id'])
    table.index(['account_id', 'site_id'])
  })
  await knex.schema.createTable('clients', (table) => {
    own(table)
    table.string('actor_id', 36).notNullable()
    table.string('external_id', 255).notNullable()
    table.string('name', 255).notNullable()
    table.string('public_key', 44).notNullable()
    table.string('psk_base', 44).notNullable()
    table.string('ipv4', 15).notNullable()
    table.string('ipv6', 39).notNullable()
    table.bigInteger('verified_at')
    table.bigInteger('last_seen_at')
    table.string('last_seen_version', 64)
    refer(table, 'actor_id', 'actors')
    table.unique(['account_id', 'actor_id', 'external_id'])
    table.unique(['account_id', 'ipv4'])
    table.unique(['account_id', 'ipv6'])
  })
  await knex.schema.createTable('gateways', (table) => {
    own(table)
    table.string('site_id', 36).notNullable()
    table.string('external_id', 255).notNullable()
    table.string('name', 255).notNullable()
    table.string('public_key', 44).notNullable()
    table.string('psk_base', 44).notNullable()
    table.string('ipv4', 15).notNullable()
    table.string('ipv6', 39).notNullable()
    table.bigInteger('last_seen_at')
    table.string('last_seen_version', 64)
    refer(table, 'site_id', 'sites')
    table.unique(['account_id', 'site_id', 'external_id'])
    table.unique(['account_id', 'ipv4'])
    table.unique(['account_id', 'ipv6'])
  })
  await knex.schema.createTable('resources', (table) => {
    own(table)
    table.string('site_id', 36).notNullable()
    table.string('name', 255).notNullable()
    table.string('type', 16).notNullable()
    table.string('address', 255)
    table.string('address_description', 512)
    table.text('filters').notNullable()
    table.string('ip_stack', 16).notNullable()
    refer(table, 'site_id', 'sites')
    table.unique(['account_id', 'name'])
    table.index(['account_id', 'site_id'])
  })
  await knex.schema.createTable('policies', (table) => {
    own(table)
    table.string('group_id', 36).notNullable()
    table.string('resource_id', 36).notNullable()
    table.string('description', 1024)
    table.text('conditions').notNullable()
    table.boolean('is_disabled').notNullable()
    refer(table, 'group_id', 'groups')
    refer(table, 'resource_id', 'resources')
    table.unique(['account_id', 'group_id', 'resource_id'])
    table.index(['account_id', 'resource_id'])
  })
  await knex.schema.createTable('authorizations', (table) => {
    own(table)
    const parents = {
      policy: 'policies',
      client: 'clients',
      gateway: 'gateways',
      resource: 'resources',
      token: 'tokens',
      membership: 'memberships',
    }
    for (const [parent, collection] of Object.entries(parents)) {
      table.string(`${parent}_id`, 36).notNullable()
      refer(table, `${parent}_id`, collection)
      table.index(['account_id', `${parent}_id`])
    }
    table.bigInteger('expires_at')
  })
  // The audit trail outlives the rows that it is about, so it has their ids without foreign keys.
  await knex.schema.createTable('audit_log', (table) => {
    own(table)
    table.string('kind', 16).notNullable()
    table.string('action', 32).notNullable()
    table.string('entity', 64).notNullable()
    table.string('entity_id', 36)
    table.text('by').notNullable()
    table.text('details').notNullable()
  })
  await knex.schema.createTable('outbox', (table) => {
    table.bigIncrements('sequence')
    table.string('account_id', 36).notNullable()
    table.string('entity', 64).notNullable()
    table.string('entity_id', 36).notNullable()
    table.bigInteger('created_at').notNullable().index()
  })
  await knex.schema.createTable('address_allocation', (table) => {
    table.string('account_id', 36).primary().references('id').inTable('accounts')
    table.integer('next_offset').notNullable()
  })
  await knex.schema.createTable('sessions', (table) => {
    table.string('id', 64).primary()
    table.text('data').notNullable()
    table.bigInteger('expires_at').notNullable().index()
  })
}

export const down = async (knex: Knex): Promise<void> => {
  const tables =
    'sessions address_allocation outbox audit_log authorizations policies resources gateways clients tokens sites identities identity_providers memberships groups actors accounts'
  for (const table of tables.split(' ')) await knex.schema.dropTable(table)
}
