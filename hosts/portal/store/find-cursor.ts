import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { EntityName } from './entities.ts'
import { referenceOf, type Filter, type FindQuery, type Scalar, type Sort } from './find-query.ts'
import { StoreError } from './store-error.ts'
import { TABLES, type ColumnKind } from './tables.ts'

/** Place in a list: beside one of its rows. */
export interface Place {
  /** Value of the column that the list is sorted by. */
  value: Scalar
  id: string
  /** Whether the page is the one that ends before this row, rather than the one that begins after it. */
  isBackward: boolean
  /** Number of rows before the page, as counted while paging. */
  before: number
}

/** Longest cursor: the longest sorted texts are addresses of resources and subjects of identities. */
const LONGEST = 4_096

const Id = z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
const Value = z.union([z.string(), z.int(), z.boolean(), z.null()])
const Content = z.tuple([z.string(), z.string(), Value, Id, z.boolean(), z.int().min(0)])

/** Formats the cursor of a place: opaque, and good only for the list of the same query. */
export const formatCursor = <Name extends EntityName>(name: Name, query: FindQuery<Name>, place: Place): string => {
  const { value, id, isBackward, before } = place
  const content: z.infer<typeof Content> = [orderOf(name, query.sort), filterOf(query), value, id, isBackward, before]
  return Buffer.from(JSON.stringify(content)).toString('base64url')
}

/**
 * Reads the cursor of a query; undefined if it has none.
 * @throws StoreError CURSOR if it is malformed, or of another list
 */
export const readCursor = <Name extends EntityName>(name: Name, query: FindQuery<Name>): Place | undefined => {
  const { cursor, sort } = query
  if (cursor === undefined) return undefined
  const content = Content.safeParse(cursor.length > LONGEST ? undefined : jsonOf(cursor))
  if (!content.success) throw refused('is no cursor of this portal: send one that a page of this list gave, unchanged')
  const [order, filter, value, id, isBackward, before] = content.data
  if (order !== orderOf(name, sort)) throw refused('is of another list or of another sort: begin without a cursor')
  if (filter !== filterOf(query)) throw refused('is of the same list with another filter: begin without a cursor')
  if (!fits(name, sort, value)) throw refused('is no cursor of this portal: send one that a page of this list gave')
  return { value, id, isBackward, before }
}

const refused = (message: string): StoreError => new StoreError('CURSOR', message, ['cursor'])

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown
  } catch {
    return undefined // refused by the schema
  }
}

const orderOf = <Name extends EntityName>(name: Name, sort: Sort<Name> | undefined): string =>
  `${name}${sort?.isDescending === true ? '-' : '+'}${sort?.column ?? 'createdAt'}`

/** Digest of a filter. Sets of ids are left out: who is connected changes between two pages of the same list. */
const filterOf = <Name extends EntityName>({ tests = [], search = '' }: Filter<Name>): string => {
  const lasting = tests.map((test) => ('ids' in test ? { isIn: test.isIn } : test))
  return createHash('sha256')
    .update(JSON.stringify([lasting, search]))
    .digest('base64url')
    .slice(0, 8)
}

/** Whether a value may stand in the column that the list is sorted by: databases refuse a value of another type. */
const fits = <Name extends EntityName>(name: Name, sort: Sort<Name> | undefined, value: Scalar): boolean => {
  if (value === null) return true
  const kinds: Readonly<Record<string, ColumnKind>> = TABLES[name].columns
  const column = sort?.column ?? 'createdAt'
  switch (referenceOf(name, column) === undefined ? kinds[column] : 'text') {
    case 'time':
      return typeof value === 'number'
    case 'integer':
      return typeof value === 'number' && Math.abs(value) < 2 ** 31
    case 'flag':
      return typeof value === 'boolean'
    case 'text':
      return typeof value === 'string' && !value.includes('\0') && !/\p{Cs}/u.test(value)
    default:
      return false
  }
}
