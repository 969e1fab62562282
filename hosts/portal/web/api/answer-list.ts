import type { Entities, EntityName } from '../../store/entities.ts'
import type { FindQuery, Found, Test } from '../../store/find-query.ts'
import type { Reader } from '../../store/store.ts'
import type { ApiContext } from './endpoint.ts'
import type { List } from './list-query.ts'
import { answerStreamed, streamedForm } from './streamed-rows.ts'

/** Number of rows that are read at a time for a list without pages. */
const STREAM_PAGE = 500

/** Answers with the page of a list that the query asks for, or with all of its rows as CSV or JSON lines. */
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
  const form = streamedForm(ctx, format)
  if (form !== undefined) {
    const pages = async function* (): AsyncGenerator<Record<string, unknown>[]> {
      for await (const page of allPages(reader, name, query))
        yield page.map((row) => toWire(row) as Record<string, unknown>)
    }
    await answerStreamed(ctx, form, { name, members: list.members, pages: pages() })
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
    const page: Found<Name> = await reader.find(name, { ...query, cursor, limit: STREAM_PAGE })
    yield page.rows
    cursor = page.next
  }
}
