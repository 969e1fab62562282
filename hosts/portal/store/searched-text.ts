import { foldedText } from '../text/folded-text.ts'
import type { Entities, EntityName } from './entities.ts'

/** Texts in which a search of a table looks. */
export interface Searched<Name extends EntityName> {
  /** Columns of the row itself. */
  columns: readonly (keyof Entities[Name] & string)[]
  /** References to rows whose own texts are searched as well: a policy is found by its group and its resource. */
  through: readonly (keyof Entities[Name] & string)[]
}

/** Searched texts by table. Random ones, such as keys, are left out: short searches would find them by chance. */
export const SEARCHED: { readonly [Name in EntityName]: Searched<Name> } = {
  accounts: { columns: [], through: [] },
  actors: { columns: ['name', 'email'], through: [] },
  groups: { columns: ['name'], through: [] },
  memberships: { columns: [], through: ['actorId'] },
  identity_providers: { columns: ['name', 'type'], through: [] },
  identities: { columns: ['issuer', 'subject'], through: ['actorId', 'identityProviderId'] },
  sites: { columns: ['name'], through: [] },
  clients: { columns: ['name', 'ipv4', 'ipv6'], through: ['actorId'] },
  gateways: { columns: ['name', 'ipv4', 'ipv6'], through: ['siteId'] },
  tokens: { columns: ['name'], through: ['actorId', 'siteId'] },
  resources: { columns: ['name', 'address', 'addressDescription'], through: ['siteId'] },
  policies: { columns: ['description'], through: ['groupId', 'resourceId'] },
  authorizations: { columns: [], through: ['clientId', 'resourceId'] },
}

/** Column that holds a row's searched texts, folded; only in tables that have searched columns. */
export const SEARCH_COLUMN = 'search_text'

/**
 * Returns the search column of a row: its searched texts, folded, one a line; nothing for a table without them.
 * Databases fold differently, SQLite none but ASCII: so the portal folds, and the database compares.
 */
export const searchCell = <Name extends EntityName>(name: Name, row: Entities[Name]): Record<string, string> => {
  const { columns } = SEARCHED[name]
  if (columns.length === 0) return {}
  const texts = columns.map((column) => row[column]).filter((text) => text !== null)
  return { [SEARCH_COLUMN]: foldedText(texts.join('\n')) }
}
