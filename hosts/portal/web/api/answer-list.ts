import type { Entities, EntityName } from '../../store/entities.ts'
import type { FindQuery, Found, Test } from '../../store/find-query.ts'
import type { Reader } from '../../store/store.ts'
import { csvStream } from './csv.ts'
import type { ApiContext } from './endpoint.ts'
import type { List } from './list-query.ts'

/** Number of rows that are read at a time for a list as CSV. */
const CSV_PAGE = 500

/** Answers with the page of a list that the query asks for, or with all of its rows as CSV. */
export const answerList = async <Name extends EntityName>(
  ctx: ApiContext,
  {
    name,
    list,
    reader,
    toWire,
    within = [],
  }: {
    name: Name
    list: List<Name>
    reader: Reader
    toWire: (row: Entities[Name]) => unknown
    /** Tests that every row of the list passes, whatever the query. */
    within?: readonly Test<Name>[] | undefined
  },
): Promise<void> => {
  const { format, ...asked } = list.of(ctx)
  const query = { ...asked, tests: [...within, ...(asked.tests ?? [])] }
  const isCsv = format === 'csv' || (format === undefined && ctx.accepts('json', 'text/csv') === 'text/csv')
  ctx.vary('Accept')
  if (isCsv) {
    const pages = allPages(reader, name, query)
    const wired = (page: readonly Entities[Name][]) => page.map((row) => toWire(row) as Record<string, unknown>)
    // The first page is read before the answer begins, so that a refusal is still one.
    const first = await pages.next()
    const rows = async function* (): AsyncGenerator<Record<string, unknown>[]> {
      if (first.done !== true) yield wired(first.value)
      for await (const page of pages) yield wired(page)
    }
    ctx.type = 'text/csv; charset=utf-8; header=present'
    ctx.set('Content-Disposition', `attachment; filename="${name}.csv"`)
    ctx.body = csvStream(list.members, rows())
    return
  }
  const [{ rows, next, previous, before }, { total, isExact }] = [
    await reader.find(name, query),
    await reader.count(name, query),
  ]
  ctx.body = {
    data: rows.map((row) => toWire(row)),
    next_cursor: next,
    previous_cursor: previous,
    before,
    total,
    total_is_exact: isExact,
  }
}

/** Answers with all rows of a list that the portal has in memory. */
export const answerWhole = (ctx: ApiContext, rows: readonly unknown[]): void => {
  ctx.body = {
    data: rows,
    next_cursor: null,
    previous_cursor: null,
    before: 0,
    total: rows.length,
    total_is_exact: true,
  }
}

const allPages = async function* <Name extends EntityName>(
  reader: Reader,
  name: Name,
  query: FindQuery<Name>,
): AsyncGenerator<Entities[Name][]> {
  for (let cursor: string | undefined | null = query.cursor; cursor !== null;) {
    const page: Found<Name> = await reader.find(name, { ...query, cursor, limit: CSV_PAGE })
    yield page.rows
    cursor = page.next
  }
}
