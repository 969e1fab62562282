import type { UnixTime } from '../../../core/runtime/time.ts'
import type { Entities, EntityName } from './entities.ts'
import type { RelationName } from './relations.ts'

/** A value of a column that a filter compares with. */
export type Scalar = string | number | boolean | null

type Column<Name extends EntityName> = keyof Entities[Name] & string

/** A test that a row has to pass. */
export type Test<Name extends EntityName> =
  /** The column has one of these values; null stands for no value. */
  | { column: Column<Name>; in: readonly Scalar[] }
  /** The column is a time from `from` on and before `before`; a row without one fails. */
  | { column: Column<Name>; from?: UnixTime | undefined; before?: UnixTime | undefined }
  | { column: Column<Name>; isNull: boolean }
  /** The row is related to one of the rows with these ids. */
  | { related: RelationName<Name>; in: readonly string[] }
  /** No row of this table refers to the row by its column `by`, and has these values. */
  | { without: { name: EntityName; by: string; where: Readonly<Record<string, Scalar>> } }
  /** A policy that has one of these conditions; other rows fail. */
  | { condition: readonly string[] }
  /** The row is one of these, or none of them: a set that the database does not know, such as who is connected. */
  | { ids: readonly string[]; isIn: boolean }

/** Filter of a list; a row has to pass all tests and be found by the search. */
export interface Filter<Name extends EntityName> {
  tests?: readonly Test<Name>[] | undefined
  /**
   * Text that one of the row's searched texts contains (searched-text.ts), whatever the case; `%` and `_` mean
   * themselves. An empty text finds all.
   */
  search?: string | undefined
}

/** Order of a list. Rows without a value come last in both directions; ties go by id, in the same direction. */
export interface Sort<Name extends EntityName> {
  /**
   * One of the table's sorted columns, or the name of a row that a column refers to. Texts are compared without regard to
   * the case of A to Z, then by code point.
   */
  column: Column<Name> | SortedName<Name>
  isDescending: boolean
}

/** A page of a list: its filter, its order, by creation unless told otherwise, and its place. */
export interface FindQuery<Name extends EntityName> extends Filter<Name> {
  sort?: Sort<Name> | undefined
  /** `next` or `previous` of another page of the same list; absent for the first page. */
  cursor?: string | undefined
  limit: number
}

export interface Found<Name extends EntityName> {
  rows: Entities[Name][]
  /** Cursor of the next page; null on the last one. */
  next: string | null
  /** Cursor of the previous page; null on the first one. */
  previous: string | null
  /** Number of rows before this page, as counted while paging: changes of earlier pages since are not noticed. */
  before: number
}

/** Number of rows that pass a filter. */
export interface Count {
  /** The number itself, or the highest that is counted to. */
  total: number
  /** Whether there are no more than `total`. */
  isExact: boolean
}

/** Highest number of rows that is counted to. */
export const MOST_COUNTED = 100_000

/** Names of rows that a table's rows refer to, by which its lists may be sorted, each with the column that refers. */
export const SORTED_NAMES = {
  clients: { actorName: 'actorId' },
  gateways: { siteName: 'siteId' },
  tokens: { actorName: 'actorId' },
  resources: { siteName: 'siteId' },
  policies: { groupName: 'groupId', resourceName: 'resourceId' },
  authorizations: { clientName: 'clientId', resourceName: 'resourceId', gatewayName: 'gatewayId' },
} as const satisfies { readonly [Name in EntityName]?: Readonly<Record<string, Column<Name>>> }

type SortedName<Name extends EntityName> = Name extends keyof typeof SORTED_NAMES
  ? keyof (typeof SORTED_NAMES)[Name] & string
  : never

/** Returns the column that refers to the row by whose name a list is sorted; undefined if it is sorted by its own column. */
export const referenceOf = (name: EntityName, sorted: string): string | undefined =>
  (SORTED_NAMES as Partial<Record<EntityName, Readonly<Record<string, string>>>>)[name]?.[sorted]

/** Returns all that a list of a table may be sorted by. */
export const sortsOf = (name: EntityName): readonly string[] => [
  ...SORTED[name],
  ...Object.keys((SORTED_NAMES as Partial<Record<EntityName, object>>)[name] ?? {}),
]

/** Columns by which a list of a table may be sorted. */
export const SORTED: { readonly [Name in EntityName]: readonly Column<Name>[] } = {
  accounts: ['createdAt', 'updatedAt'],
  actors: ['createdAt', 'updatedAt', 'name', 'email', 'type', 'isDisabled'],
  groups: ['createdAt', 'updatedAt', 'name'],
  memberships: ['createdAt', 'updatedAt'],
  identity_providers: ['createdAt', 'updatedAt', 'name', 'type', 'isDisabled'],
  identities: ['createdAt', 'updatedAt', 'subject'],
  sites: ['createdAt', 'updatedAt', 'name', 'selector'],
  clients: ['createdAt', 'updatedAt', 'name', 'lastSeenAt', 'lastSeenVersion', 'verifiedAt'],
  gateways: ['createdAt', 'updatedAt', 'name', 'lastSeenAt', 'lastSeenVersion', 'isEphemeral'],
  tokens: ['createdAt', 'updatedAt', 'name', 'kind', 'expiresAt', 'lastUsedAt'],
  resources: ['createdAt', 'updatedAt', 'name', 'type', 'address', 'addressDescription'],
  policies: ['createdAt', 'updatedAt', 'description', 'mode', 'isDisabled'],
  authorizations: ['createdAt', 'updatedAt', 'expiresAt'],
}

/** Sorted columns that may have no value. */
export const NULLABLE: { readonly [Name in EntityName]?: readonly Column<Name>[] } = {
  actors: ['email'],
  clients: ['lastSeenAt', 'lastSeenVersion', 'verifiedAt'],
  gateways: ['lastSeenAt', 'lastSeenVersion'],
  tokens: ['expiresAt', 'lastUsedAt'],
  resources: ['address', 'addressDescription'],
  policies: ['description'],
  authorizations: ['expiresAt'],
}
