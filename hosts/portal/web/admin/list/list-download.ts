import { csvStream } from '../../api/csv.ts'
import type { AdminDownload, Visit } from '../page/admin-parts.ts'
import type { Cell } from '../page/cell.ts'
import { addressOf, questionOf } from './list-address.ts'
import { shownColumns } from './list-columns.ts'
import type { ListColumn, ListDefinition } from './list-definition.ts'

/**
 * Makes the file with all rows of a list that match, in its order, as comma-separated values: their ids, and the columns
 * that the visitor sees.
 */
export const listDownload = <Row extends { id: string }, Extra>(
  definition: ListDefinition<Row, Extra>,
): AdminDownload => ({
  path: `${definition.path}.csv`,
  needs: definition.needs,
  send: async (visit) => {
    const { api, path, head } = definition
    const address = { ...(await addressOf(visit, definition)), cursor: undefined }
    const columns = [head, ...shownColumns(definition, address)]
    const { limit: _, ...question } = questionOf(address)
    const pages = await visit.rows<Row>(api.path, { ...api.query, ...question })
    visit.ctx.type = 'text/csv; charset=utf-8; header=present'
    visit.ctx.set('Content-Disposition', `attachment; filename="${path.slice(1)}.csv"`)
    const titles = columns.flatMap(({ title, details }) => [title, ...(details === undefined ? [] : [details])])
    visit.ctx.body = csvStream([...new Set(['id', ...titles])], lines(visit, { definition, columns, pages }))
  },
})

const lines = async function* <Row extends { id: string }, Extra>(
  visit: Visit,
  {
    definition,
    columns,
    pages,
  }: {
    definition: ListDefinition<Row, Extra>
    columns: readonly ListColumn<Row, Extra>[]
    pages: AsyncIterable<readonly Row[]>
  },
): AsyncGenerator<Record<string, string>[]> {
  for await (const rows of pages) {
    const about = { visit, extra: await definition.extra(visit, rows) }
    yield rows.map((row) => ({
      id: row.id,
      ...Object.fromEntries(
        columns.flatMap((column) => {
          const cell = column.cell(row, about)
          const { title, details } = column
          return [[title, cellText(cell)], ...(details === undefined ? [] : [[details, cell.why ?? '']])]
        }),
      ),
    }))
  }
}

/** Returns a cell as text: times as the API writes them, and a verdict with its reason. */
const cellText = ({ text = '', mark, time, why }: Cell): string => {
  if (time !== undefined) return time.iso
  return mark === undefined || why === undefined ? text : `${text} (${why})`
}
