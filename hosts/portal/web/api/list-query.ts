import { z } from 'zod'
import { textProblem, tidyText } from '../../text/plain-text.ts'
import { NULLABLE, sortsOf, type FindQuery, type Test } from '../../store/find-query.ts'
import type { EntityName } from '../../store/entities.ts'
import type { RelationName } from '../../store/relations.ts'
import { columnName, propertyName } from '../../store/row-codec.ts'
import { SEARCHED } from '../../store/searched-text.ts'
import { AS, Id, pageOf, PRINTABLE, Time, unixTimeOf } from './body-fields.ts'
import type { ApiContext } from './endpoint.ts'
import { wholeNumber } from './page.ts'
import { queryOf } from './read-body.ts'
import { STREAMED, type Streamed } from './streamed-rows.ts'

/** Query parameters by which a list is filtered, by name, each with the test that a value of it stands for. */
export type ListFilters<Name extends EntityName> = Readonly<
  Record<string, { schema: z.ZodType; test: (value: never) => Test<Name> }>
>

/** A list of the API: the schemas of its query and of its pages, and how its query is read. */
export interface List<Name extends EntityName> {
  query: z.ZodObject
  answer: z.ZodType
  /** Members of a row, in order: the columns of the list as CSV. */
  members: readonly string[]
  of: (ctx: ApiContext) => FindQuery<Name> & { format: 'json' | Streamed | undefined }
}

/** Most values that a filter compares with. */
const MOST_VALUES = 100

/**
 * Makes a list of a table's rows in the form of `body`, from the table of its filters. What it may be sorted by, and
 * whether it is searched, is the store's.
 */
export const listOf = <Name extends EntityName>(
  name: Name,
  body: z.ZodObject,
  filters: ListFilters<Name>,
): List<Name> => {
  const all: ListFilters<Name> = { ...idsIn('id'), ...filters, ...period<Name>('createdAt') }
  const query = z.strictObject({
    limit: PageLimit,
    cursor: z
      .string()
      .optional()
      .describe('`next_cursor` or `previous_cursor` of another page of this list, unchanged'),
    sort: sortOf(name),
    ...(isSearched(name) ? { search: Search } : {}),
    ...Object.fromEntries(Object.entries(all).map(([key, { schema }]) => [key, schema.optional()])),
    format: Format,
  })
  const read = queryOf(query)
  return {
    query,
    answer: pageOf(body),
    members: Object.keys(body.shape),
    of: (ctx) => {
      const values = read.of(ctx) as Record<string, unknown> & z.infer<typeof Always>
      const tests = Object.entries(all).flatMap(([key, { test }]) =>
        values[key] === undefined ? [] : [test(values[key] as never)],
      )
      const { limit, search, sort, format } = values
      return {
        tests,
        limit,
        // Forms send a field that is empty, too.
        cursor: values.cursor === '' ? undefined : values.cursor,
        search,
        format,
        sort:
          sort === undefined
            ? undefined
            : {
                column: propertyName(sort.replace(/^-/, '')) as NonNullable<FindQuery<Name>['sort']>['column'],
                isDescending: sort.startsWith('-'),
              },
      }
    },
  }
}

const PageLimit = wholeNumber(1, 100, 50).describe('Maximum number of rows on a page')

/** Schema of a search: an empty one finds all, as a form sends it. */
export const Search = z
  .string()
  .overwrite(tidyText)
  .max(200)
  .regex(PRINTABLE, 'has control characters')
  .refine((text) => textProblem(text) === undefined, 'has characters that no name has')
  .optional()

/** Schema of the form of a list. */
export const Format = z
  .enum(['json', ...STREAMED])
  .optional()
  .describe(
    '`csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson',
  )

const Always = z.object({
  limit: z.number(),
  cursor: z.string().optional(),
  search: z.string().optional(),
  sort: z.string().optional(),
  format: Format,
})

const isSearched = (name: EntityName): boolean => SEARCHED[name].columns.length + SEARCHED[name].through.length > 0

const sortOf = (name: EntityName) => {
  const columns = sortsOf(name).map(columnName)
  return z
    .enum(columns.flatMap((column) => [column, `-${column}`]))
    .optional()
    .describe('Column by which the rows are sorted, with `-` the greatest first; by creation unless given')
}

/** Returns the sentences that describe what a list is sorted by and searched in. */
export const listText = (name: EntityName): string => {
  const { columns, through } = SEARCHED[name]
  const texts = [
    ...columns.map((column) => `\`${columnName(column)}\``),
    ...through.map((column) => `the texts of the row that \`${columnName(column)}\` names`),
  ]
  const empty = (NULLABLE[name] ?? []).length === 0 ? '' : ' Rows without a value come last in both directions.'
  return [
    `A page at a time, the oldest first unless \`sort\` says otherwise.${empty}`,
    texts.length === 0 ? '' : ` \`search\` looks in ${texts.join(', ')}, whatever the case of letters.`,
    ' A row has to pass all filters.',
  ].join('')
}

/** Schema of values separated by commas. */
const several = (one: z.ZodType<string, string>) =>
  z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(one).max(MOST_VALUES))
    .meta({
      [AS]: {
        type: 'array',
        items: z.toJSONSchema(one, { io: 'input', unrepresentable: 'any' }),
        minItems: 1,
      },
    })

const Flag = z
  .enum(['true', 'false'])
  .transform((text) => text === 'true')
  .meta({ [AS]: { type: 'boolean' } })

/** Text without the characters that a database refuses. */
const Plain = z
  .string()
  .max(1_024)
  .regex(PRINTABLE, 'has control characters')
  .refine((text) => !/\p{Cs}/u.test(text), 'has half a character')

/** Filter by a column that holds an id: one of several. */
export const idsIn = <Name extends EntityName>(column: ColumnOf<Test<Name>>) => ({
  [columnName(column)]: {
    schema: several(Id).describe('One of these ids, separated by commas'),
    test: (values: string[]): Test<Name> => ({ column, in: values }),
  },
})

type ColumnOf<T> = T extends { column: infer Column; in: unknown } ? Column & string : never

/** Filter by a column that has one of a few words. */
export const oneOf = <Name extends EntityName>(column: ColumnOf<Test<Name>>, words: z.ZodType<string, string>) => ({
  [columnName(column)]: {
    schema: several(words).describe('One of these, separated by commas'),
    test: (values: string[]): Test<Name> => ({ column, in: values }),
  },
})

/** Filter by a column that has a key of a plugin. */
export const keyIn = <Name extends EntityName>(column: ColumnOf<Test<Name>>) => oneOf<Name>(column, Plain)

/** Filter by the whole text of a column. */
export const exactly = <Name extends EntityName>(column: ColumnOf<Test<Name>>) => ({
  [columnName(column)]: {
    schema: Plain.describe('Exactly this text'),
    test: (value: string): Test<Name> => ({ column, in: [value] }),
  },
})

/** Filter by a column that is true or false. */
export const flag = <Name extends EntityName>(column: ColumnOf<Test<Name>>) => ({
  [columnName(column)]: {
    schema: Flag,
    test: (value: boolean): Test<Name> => ({ column, in: [value] }),
  },
})

/** Filter by whether a column has a value. */
export const isNull = <Name extends EntityName>(column: ColumnOf<Test<Name>>) => ({
  [`${columnName(column)}_is_null`]: {
    schema: Flag.describe('Whether there is no value'),
    test: (value: boolean): Test<Name> => ({ column, isNull: value }),
  },
})

/** Filters by the beginning and the end of a period. */
export const period = <Name extends EntityName>(column: ColumnOf<Test<Name>>) => ({
  [`${columnName(column)}_from`]: {
    schema: Time.describe('At this time or later'),
    test: (value: string): Test<Name> => ({ column, from: unixTimeOf(value) }),
  },
  [`${columnName(column)}_before`]: {
    schema: Time.describe('Before this time'),
    test: (value: string): Test<Name> => ({ column, before: unixTimeOf(value) }),
  },
})

/** Filter by the ids of rows that the row is related to. */
export const relatedTo = <Name extends EntityName>(related: RelationName<Name>, text: string) => ({
  [columnName(related)]: {
    schema: several(Id).describe(`${text}: one of these ids, separated by commas`),
    test: (values: string[]): Test<Name> => ({ related, in: values }),
  },
})

/** Filter by whether a client or gateway has its control channel open at this process of the portal. */
export const connected = (connectedIds: () => readonly string[]) => ({
  is_connected: {
    schema: Flag,
    test: (isIn: boolean): Extract<Test<'clients'>, { ids: unknown }> => ({ ids: connectedIds(), isIn }),
  },
})

/** Filter of policies by the keys of their conditions. */
export const hasCondition = () => ({
  condition: {
    schema: several(Plain).describe('It has a condition of one of these plugins: keys, separated by commas'),
    test: (values: string[]): Test<'policies'> => ({ condition: values }),
  },
})
