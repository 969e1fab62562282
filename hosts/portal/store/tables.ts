import type { Entities, EntityName } from './entities.ts'

/** Encoding of a property in its column: `time` is epoch milliseconds, `flag` a boolean, `json` JSON text. */
export type ColumnKind = 'text' | 'time' | 'integer' | 'flag' | 'json'

export interface Table<Name extends EntityName> {
  columns: { [Key in keyof Entities[Name]]-?: ColumnKind }
  /** Columns that reference rows of the same account. A row is removed together with a row that it references. */
  references: { [Key in keyof Entities[Name]]?: EntityName }
  /** Columns whose values are never written to the audit trail. */
  secret: readonly (keyof Entities[Name])[]
  /** Columns whose changes are not audited: too frequent and unimportant. */
  quiet: readonly (keyof Entities[Name])[]
}

/** All tables, referenced ones first. Column names are the properties' names in snake_case. */
export const TABLES: { [Name in EntityName]: Table<Name> } = {
  accounts: {
    columns: {
      id: 'text',
      slug: 'text',
      name: 'text',
      isDisabled: 'flag',
      upstreamResolvers: 'json',
      searchDomain: 'text',
      addressRanges: 'json',
      createdAt: 'time',
      updatedAt: 'time',
    },
    references: {},
    secret: [],
    quiet: [],
  },
  actors: {
    columns: {
      id: 'text',
      accountId: 'text',
      type: 'text',
      name: 'text',
      email: 'text',
      isDisabled: 'flag',
      createdAt: 'time',
      updatedAt: 'time',
    },
    references: {},
    secret: [],
    quiet: [],
  },
  groups: {
    columns: { id: 'text', accountId: 'text', name: 'text', createdAt: 'time', updatedAt: 'time' },
    references: {},
    secret: [],
    quiet: [],
  },
  memberships: {
    columns: { id: 'text', accountId: 'text', groupId: 'text', actorId: 'text', createdAt: 'time', updatedAt: 'time' },
    references: { groupId: 'groups', actorId: 'actors' },
    secret: [],
    quiet: [],
  },
  identity_providers: {
    columns: {
      id: 'text',
      accountId: 'text',
      name: 'text',
      type: 'text',
      settings: 'json',
      emailDomains: 'json',
      isDefault: 'flag',
      isDisabled: 'flag',
      clientTokenLifetimeSeconds: 'integer',
      sessionLifetimeSeconds: 'integer',
      createdAt: 'time',
      updatedAt: 'time',
    },
    references: {},
    secret: [],
    quiet: [],
  },
  identities: {
    columns: {
      id: 'text',
      accountId: 'text',
      actorId: 'text',
      identityProviderId: 'text',
      issuer: 'text',
      subject: 'text',
      createdAt: 'time',
      updatedAt: 'time',
    },
    references: { actorId: 'actors', identityProviderId: 'identity_providers' },
    secret: [],
    quiet: [],
  },
  sites: {
    columns: {
      id: 'text',
      accountId: 'text',
      name: 'text',
      selector: 'text',
      selectorSettings: 'json',
      createdAt: 'time',
      updatedAt: 'time',
    },
    references: {},
    secret: [],
    quiet: [],
  },
  clients: {
    columns: {
      id: 'text',
      accountId: 'text',
      actorId: 'text',
      externalId: 'text',
      name: 'text',
      publicKey: 'text',
      pskBase: 'text',
      ipv4: 'text',
      ipv6: 'text',
      deviceKey: 'text',
      isProven: 'flag',
      provenAt: 'time',
      verifiedAt: 'time',
      acceptsUnproven: 'flag',
      lastSeenAt: 'time',
      lastSeenVersion: 'text',
      createdAt: 'time',
      updatedAt: 'time',
    },
    references: { actorId: 'actors' },
    secret: ['pskBase'],
    quiet: ['lastSeenAt', 'lastSeenVersion', 'provenAt'],
  },
  gateways: {
    columns: {
      id: 'text',
      accountId: 'text',
      siteId: 'text',
      externalId: 'text',
      name: 'text',
      publicKey: 'text',
      pskBase: 'text',
      ipv4: 'text',
      ipv6: 'text',
      isEphemeral: 'flag',
      presentAt: 'time',
      lastSeenAt: 'time',
      lastSeenVersion: 'text',
      createdAt: 'time',
      updatedAt: 'time',
    },
    references: { siteId: 'sites' },
    secret: ['pskBase'],
    quiet: ['presentAt', 'lastSeenAt', 'lastSeenVersion'],
  },
  tokens: {
    columns: {
      id: 'text',
      accountId: 'text',
      kind: 'text',
      name: 'text',
      actorId: 'text',
      siteId: 'text',
      gatewayId: 'text',
      identityProviderId: 'text',
      signIn: 'json',
      salt: 'text',
      hash: 'text',
      scopes: 'json',
      makerId: 'text',
      isEmergency: 'flag',
      expiresAt: 'time',
      lastUsedAt: 'time',
      createdAt: 'time',
      updatedAt: 'time',
    },
    references: {
      actorId: 'actors',
      siteId: 'sites',
      gatewayId: 'gateways',
      identityProviderId: 'identity_providers',
    },
    // Claims about people, long lists perhaps: the trail has those that a decision read.
    secret: ['salt', 'hash', 'signIn'],
    quiet: ['lastUsedAt'],
  },
  resources: {
    columns: {
      id: 'text',
      accountId: 'text',
      siteId: 'text',
      name: 'text',
      type: 'text',
      address: 'text',
      addressDescription: 'text',
      filters: 'json',
      ipStack: 'text',
      createdAt: 'time',
      updatedAt: 'time',
    },
    references: { siteId: 'sites' },
    secret: [],
    quiet: [],
  },
  policies: {
    columns: {
      id: 'text',
      accountId: 'text',
      groupId: 'text',
      resourceId: 'text',
      description: 'text',
      conditions: 'json',
      isDisabled: 'flag',
      mode: 'text',
      createdAt: 'time',
      updatedAt: 'time',
    },
    references: { groupId: 'groups', resourceId: 'resources' },
    secret: [],
    quiet: [],
  },
  authorizations: {
    columns: {
      id: 'text',
      accountId: 'text',
      policyId: 'text',
      clientId: 'text',
      gatewayId: 'text',
      resourceId: 'text',
      tokenId: 'text',
      membershipId: 'text',
      expiresAt: 'time',
      decision: 'json',
      createdAt: 'time',
      updatedAt: 'time',
    },
    references: {
      policyId: 'policies',
      clientId: 'clients',
      gatewayId: 'gateways',
      resourceId: 'resources',
      tokenId: 'tokens',
      membershipId: 'memberships',
    },
    secret: [],
    quiet: [],
  },
}

export const ENTITY_NAMES = Object.keys(TABLES) as readonly EntityName[]

/** Returns the tables that reference a table, each with the referencing property. */
export const childrenOf = (parent: EntityName): { name: Exclude<EntityName, 'accounts'>; column: string }[] =>
  ENTITY_NAMES.flatMap((name) =>
    name === 'accounts'
      ? []
      : Object.entries(TABLES[name].references)
          .filter(([, referenced]) => referenced === parent)
          .map(([column]) => ({ name, column })),
  )
