/** A kind of object that commands list, show, create, edit and delete, by the operations of one collection of the API. */
export interface Noun {
  /** Word for one of them, as in `portreeve site`. */
  name: string
  text: string
  /** Collection of the API, such as `sites`. */
  collection: string
  /** Columns of the table of a list, which are members of a row; ids of others are shown as names. */
  columns: readonly string[]
  /** Members by which a person names one, the best first. */
  labels: readonly string[]
  /** Ways to create one, where it is not `POST` to the collection: the path, and the noun of the id in it. */
  creations?: Readonly<Record<string, { path: string; parent?: string; text: string }>>
  examples: readonly string[]
}

/** Kinds of objects, by the word that names their command. */
export const NOUNS: Readonly<Record<string, Noun>> = {
  site: {
    name: 'site',
    text: 'Lists, shows, creates, edits and deletes sites: places with gateways.',
    collection: 'sites',
    columns: ['name', 'selector', 'id'],
    labels: ['name'],
    examples: ['site create Berlin', 'site delete Berlin --dry-run', 'token create gateway --site Berlin'],
  },
  resource: {
    name: 'resource',
    text: 'Lists, shows, creates, edits and deletes resources: names, addresses and networks that may be reached.',
    collection: 'resources',
    columns: ['name', 'type', 'address', 'site_id', 'filters', 'id'],
    labels: ['name'],
    examples: [
      'resource create wiki --type dns --address wiki.example.org --site Berlin --filters "[{protocol: tcp, ports: [\'443\']}]"',
      'resource list --site Berlin --sort name',
      'resource edit wiki --no-address-description',
    ],
  },
  policy: {
    name: 'policy',
    text: 'Lists, shows, creates, edits and deletes policies: which group may use which resource, under which conditions.',
    collection: 'policies',
    columns: ['group_id', 'resource_id', 'conditions', 'mode', 'is_disabled', 'description', 'id'],
    labels: ['description'],
    examples: [
      'policy create --group Engineers --resource wiki',
      'policy create --group Engineers --resource wiki --conditions @office-hours.yaml',
      'policy edit "Engineers to wiki" --is-disabled',
    ],
  },
  group: {
    name: 'group',
    text: 'Lists, shows, creates, edits and deletes groups of actors, and of their members.',
    collection: 'groups',
    columns: ['name', 'id'],
    labels: ['name'],
    examples: [
      'group create Engineers',
      'group add-member Engineers ada@example.org grace@example.org',
      'group members Engineers',
    ],
  },
  actor: {
    name: 'actor',
    text: 'Lists, shows, creates, edits and deletes actors: people and service accounts.',
    collection: 'actors',
    columns: ['name', 'email', 'type', 'is_disabled', 'id'],
    labels: ['email', 'name'],
    examples: [
      'actor create "Ada Lovelace" --email ada@example.org',
      'actor create deployments --type service_account',
      'actor list --group Engineers --no-is-disabled',
    ],
  },
  device: {
    name: 'device',
    text: 'Lists, shows, edits and deletes devices of people; each registers itself.',
    collection: 'clients',
    columns: ['name', 'actor_id', 'is_connected', 'is_verified', 'last_seen_version', 'last_seen_at', 'id'],
    labels: ['name', 'external_id'],
    examples: ['device list --actor ada@example.org', 'device edit ada-laptop --is-verified'],
  },
  token: {
    name: 'token',
    text: 'Lists, shows, creates, renames and revokes tokens of gateways, relays, clients and programs.',
    collection: 'tokens',
    columns: ['name', 'kind', 'actor_id', 'site_id', 'scopes', 'expires_at', 'last_used_at', 'id'],
    labels: ['name'],
    creations: {
      api: { path: '/actors/{id}/api_tokens', parent: 'actor', text: 'Creates an API token of an actor.' },
      client: {
        path: '/actors/{id}/client_tokens',
        parent: 'actor',
        text: 'Creates a token for a client of an actor.',
      },
      gateway: {
        path: '/sites/{id}/gateway_tokens',
        parent: 'site',
        text: 'Creates a token for the gateways of a site.',
      },
      relay: { path: '/relay_tokens', text: 'Creates a token for relays.' },
    },
    examples: [
      'token create gateway --site Berlin --json',
      'token create api --actor deployments --scopes policies:write,resources:write',
      'token list --kind api --sort expires_at',
      'token delete 018f4e5c-9a3b-4c1d-8e2f-5a6b7c8d9e0f',
    ],
  },
  provider: {
    name: 'provider',
    text: 'Lists, shows, creates, edits and deletes identity providers, where people sign in.',
    collection: 'identity_providers',
    columns: ['name', 'type', 'is_default', 'is_disabled', 'email_domains', 'id'],
    labels: ['name'],
    examples: ['provider create Company --type oidc --settings @oidc.yaml', 'provider show Company --json'],
  },
}

/** Nouns of members that hold the id of another row. */
export const NOUN_OF_ID: Readonly<Record<string, string>> = {
  site_id: 'site',
  resource_id: 'resource',
  group_id: 'group',
  actor_id: 'actor',
  maker_id: 'actor',
  client_id: 'device',
  identity_provider_id: 'provider',
}
