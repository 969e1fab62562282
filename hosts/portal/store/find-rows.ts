import type { Knex } from 'knex'
import { foldedText } from '../text/folded-text.ts'
import type { Entities, EntityName } from './entities.ts'
import type { ListExpressions } from './dialect.ts'
import { formatCursor, readCursor, type Place } from './find-cursor.ts'
import {
  MOST_COUNTED,
  NULLABLE,
  referenceOf,
  sortsOf,
  type Count,
  type Filter,
  type FindQuery,
  type Found,
  type Test,
} from './find-query.ts'
import { RELATIONS, type Relation } from './relations.ts'
import { columnName, decodeRow } from './row-codec.ts'
import { SEARCH_COLUMN, SEARCHED } from './searched-text.ts'
import { TABLES, type ColumnKind } from './tables.ts'

/** Parts that a query of a list is made with. */
export interface FindParts {
  /** Begins a query, limited to the account's rows of a table. */
  rows: (name: EntityName) => Knex.QueryBuilder
  database: Knex
  expressions: ListExpressions
}

/** Reads one page of a list. @throws StoreError CURSOR */
export const findRows = async <Name extends EntityName>(
  parts: FindParts,
  name: Name,
  query: FindQuery<Name>,
): Promise<Found<Name>> => {
  const place = readCursor(name, query)
  const { limit } = query
  // One more than asked for tells whether there is a further page.
  const read = await readPage(parts, name, { ...query, limit: limit + 1 }, place)
  const hasMore = read.length > limit
  if (place?.isBackward === true) {
    // Rows of earlier pages have gone: the first page is shown whole.
    if (!hasMore) return findRows(parts, name, { ...query, cursor: undefined })
    const rows = read.slice(0, limit).toReversed()
    return pageOf(name, query, { rows, before: place.before, hasPrevious: true, hasNext: true })
  }
  const [rows, before] = [read.slice(0, limit), place?.before ?? 0]
  return pageOf(name, query, { rows, before, hasPrevious: place !== undefined, hasNext: hasMore })
}

/** Counts the rows that pass a filter. */
export const countRows = async <Name extends EntityName>(
  parts: FindParts,
  name: Name,
  filter: Filter<Name>,
): Promise<Count> => {
  const matching = parts.rows(name)
  applyFilter(parts, name, matching, filter)
  return countUpTo(parts.database, matching)
}

/** Counts the rows of a query, up to `MOST_COUNTED`. */
export const countUpTo = async (database: Knex, rows: Knex.QueryBuilder): Promise<Count> => {
  const matching = rows.select('id').limit(MOST_COUNTED + 1)
  const [row] = (await database.count({ n: '*' }).from(matching.as('matching'))) as { n: unknown }[]
  const counted = Number(row?.n ?? 0)
  return { total: Math.min(counted, MOST_COUNTED), isExact: counted <= MOST_COUNTED }
}

const pageOf = <Name extends EntityName>(
  name: Name,
  query: FindQuery<Name>,
  page: { rows: Sorted<Name>[]; before: number; hasPrevious: boolean; hasNext: boolean },
): Found<Name> => {
  const { rows, before, hasPrevious, hasNext } = page
  const cursor = (sorted: Sorted<Name> | undefined, place: Pick<Place, 'isBackward' | 'before'>): string | null =>
    sorted === undefined ? null : formatCursor(name, query, { value: sorted.value, id: sorted.row.id, ...place })
  return {
    rows: rows.map(({ row }) => row),
    before,
    next: hasNext ? cursor(rows.at(-1), { isBackward: false, before: before + rows.length }) : null,
    previous: hasPrevious ? cursor(rows[0], { isBackward: true, before: Math.max(0, before - query.limit) }) : null,
  }
}

/** A row with the value that its list is sorted by. */
interface Sorted<Name extends EntityName> {
  row: Entities[Name]
  value: Place['value']
}

/** Column in which a query returns the name that its rows are sorted by. */
const SORT_NAME = 'sort_name'

const readPage = async <Name extends EntityName>(
  parts: FindParts,
  name: Name,
  query: FindQuery<Name>,
  place: Place | undefined,
): Promise<Sorted<Name>[]> => {
  const { column, isDescending } = sortOf(query)
  if (!sortsOf(name).includes(column)) throw new Error(`${name} are not sorted by ${column}`)
  const kind = kindOf(name, column)
  const isReversed = place?.isBackward === true
  const [forward, behind] = isDescending === isReversed ? (['ASC', '>'] as const) : (['DESC', '<'] as const)
  const named = nameOf(parts, name, column)
  const isNull = parts.database.raw('? IS NULL', [named ?? parts.database.ref(columnName(column))])
  const value = named ?? sortedValue(parts, kind, columnName(column))

  const rows = parts.rows(name)
  if (named !== undefined) void rows.select(`${name}.*`, parts.database.raw('? AS ??', [named, SORT_NAME]))
  applyFilter(parts, name, rows, query)
  if (isNullable(name, column)) void rows.orderByRaw(`? ${isReversed ? 'DESC' : 'ASC'}`, [isNull])
  void rows.orderByRaw(`? ${forward}, ?? ${forward}`, [value, 'id']).limit(query.limit)
  if (place !== undefined) {
    const { id } = place
    void rows.where((beyond) => {
      if (place.value === null) {
        void beyond.where((same) => void same.whereRaw('?', [isNull]).andWhere('id', behind, id))
        if (isReversed) void beyond.orWhereRaw('NOT ?', [isNull])
        return
      }
      const given = givenValue(parts, kind, place.value)
      void beyond.whereRaw(`(?, ??) ${behind} (?, ?)`, [value, 'id', given, id])
      if (!isReversed && isNullable(name, column)) void beyond.orWhereRaw('?', [isNull])
    })
  }
  return ((await rows) as Record<string, unknown>[]).map((columns) => {
    const row = decodeRow(name, columns)
    const sorted = named === undefined ? row[column as keyof Entities[Name]] : columns[SORT_NAME]
    return { row, value: sorted as Place['value'] }
  })
}

/** Expression of the name of the row that a column refers to; undefined if the list is sorted by a column of its own. */
const nameOf = ({ database, expressions }: FindParts, name: EntityName, column: string): Knex.Raw | undefined => {
  const reference = referenceOf(name, column)
  const parent =
    reference === undefined ? undefined : (TABLES[name].references as Record<string, EntityName>)[reference]
  if (reference === undefined || parent === undefined) return undefined
  return database.raw(
    `(SELECT ${expressions.sortedText('referred.name')} FROM ?? AS referred WHERE referred.account_id = ?? AND referred.id = ??)`,
    [parent, `${name}.account_id`, `${name}.${columnName(reference)}`],
  )
}

const sortOf = <Name extends EntityName>({ sort }: FindQuery<Name>) =>
  sort ?? { column: 'createdAt' as const, isDescending: false }

const kindOf = (name: EntityName, column: string): ColumnKind | undefined =>
  referenceOf(name, column) === undefined ? (TABLES[name].columns as Record<string, ColumnKind>)[column] : 'text'

/** Expression of a column in an order. */
const sortedValue = ({ database, expressions }: FindParts, kind: ColumnKind | undefined, column: string): Knex.Raw =>
  database.raw(kind === 'text' ? expressions.sortedText('??') : '??', [column])

/** Expression of the value of a cursor, to be compared with that of the column. */
const givenValue = ({ database, expressions }: FindParts, kind: ColumnKind | undefined, value: Place['value']) =>
  database.raw(kind === 'text' ? expressions.sortedText('CAST(? AS TEXT)') : '?', [value as Knex.Value])

const isNullable = (name: EntityName, column: string): boolean =>
  referenceOf(name, column) !== undefined ||
  (NULLABLE[name] as readonly string[] | undefined)?.includes(column) === true

const applyFilter = <Name extends EntityName>(
  parts: FindParts,
  name: Name,
  rows: Knex.QueryBuilder,
  { tests = [], search = '' }: Filter<Name>,
): void => {
  for (const test of tests) applyTest(parts, name, rows, test)
  if (search !== '') void rows.where((found) => searchIn(parts, name, found, patternOf(search)))
}

const applyTest = <Name extends EntityName>(
  parts: FindParts,
  name: Name,
  rows: Knex.QueryBuilder,
  test: Test<Name>,
): void => {
  const { database, expressions } = parts
  if ('ids' in test) {
    const among = expressions.amongIds('??')
    void rows.whereRaw(test.isIn ? among : `NOT (${among})`, ['id', JSON.stringify(test.ids)])
  } else if ('condition' in test) {
    void rows.whereRaw(expressions.hasCondition('??'), ['conditions', JSON.stringify(test.condition)])
  } else if ('without' in test) {
    const { name: other, by, where } = test.without
    const referring = parts
      .rows(other)
      .where(`${other}.${columnName(by)}`, database.ref(`${name}.id`))
      .where(Object.fromEntries(Object.entries(where).map(([column, value]) => [columnName(column), value])))
    void rows.whereNotExists(referring)
  } else if ('related' in test) {
    const relation = relationOf(name, test.related)
    if (relation === undefined) throw new Error(`${name} have no relation ${test.related}`)
    const { column, step } = relation
    const related = parts
      .rows(step.name)
      .whereIn(columnName(step.by), [...test.in])
      .select(columnName(step.gives))
    void rows.whereIn(columnName(column), related)
  } else if ('in' in test) {
    const values = test.in.filter((value) => value !== null)
    void rows.where((either) => {
      void either.whereIn(columnName(test.column), values)
      if (values.length < test.in.length) void either.orWhereNull(columnName(test.column))
    })
  } else if ('isNull' in test) {
    void rows.whereRaw(test.isNull ? '?? IS NULL' : '?? IS NOT NULL', [database.ref(columnName(test.column))])
  } else {
    if (test.from !== undefined) void rows.where(columnName(test.column), '>=', test.from)
    if (test.before !== undefined) void rows.where(columnName(test.column), '<', test.before)
  }
}

const relationOf = (name: EntityName, related: string): Relation | undefined =>
  (RELATIONS as Partial<Record<EntityName, Record<string, Relation>>>)[name]?.[related]

/** Pattern of LIKE that finds a text as it is, `%` and `_` included. */
const patternOf = (search: string): string => `%${foldedText(search).replaceAll(/[!%_]/g, '!$&')}%`

const searchIn = (parts: FindParts, name: EntityName, found: Knex.QueryBuilder, pattern: string): void => {
  const { columns, through } = SEARCHED[name] as { columns: readonly string[]; through: readonly string[] }
  if (columns.length > 0) void found.orWhereRaw(`?? LIKE ? ESCAPE '!'`, [SEARCH_COLUMN, pattern])
  const references = TABLES[name].references as Record<string, EntityName>
  for (const column of through) {
    const parent = references[column]
    if (parent === undefined) continue
    const parents = parts.rows(parent).whereRaw(`?? LIKE ? ESCAPE '!'`, [SEARCH_COLUMN, pattern]).select('id')
    void found.orWhereIn(columnName(column), parents)
  }
}
