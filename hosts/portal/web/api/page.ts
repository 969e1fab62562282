import { z } from 'zod'
import { unixTime } from '../../../../core/runtime/time.ts'
import type { Count } from '../../store/find-query.ts'
import type { Page, Position } from '../../store/store.ts'
import type { ApiContext, ApiMiddleware } from './endpoint.ts'
import { queryOf, type Read } from './read-body.ts'
import { AS } from './body-fields.ts'

const CURSOR = /^(?:\d{1,15}\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?$/

/** Schema of an opaque cursor: the position of the last row of the previous page. An empty one is none, as forms send it. */
const Cursor = z
  .string()
  .regex(CURSOR, 'is no cursor of this API')
  .transform((text): Position | undefined => {
    if (text === '') return undefined
    const [createdAt = '', id = ''] = text.split('.')
    return { createdAt: unixTime(Number(createdAt)), id }
  })

/** Schema of a whole number in a query, in decimal without sign or blanks. */
export const wholeNumber = (least: number, most: number, otherwise: number) =>
  z
    .string()
    .regex(/^(?:0|[1-9]\d{0,8})$/, 'is no whole number')
    .transform(Number)
    .pipe(z.int().min(least).max(most))
    .default(otherwise)
    .meta({ [AS]: { type: 'integer', minimum: least, maximum: most, default: otherwise } })

export const PageQuery = z.strictObject({
  limit: wholeNumber(1, 100, 50).describe('Maximum number of rows on a page'),
  cursor: Cursor.optional().meta({
    description: '`next_cursor` of the previous page, unchanged',
    [AS]: {
      type: 'string',
      pattern: CURSOR.source,
      examples: ['1764460800000.018f4e5c-9a3b-4c1d-8e2f-5a6b7c8d9e0f'],
    },
  }),
})

const page: Pick<Read<z.infer<typeof PageQuery>>, 'of'> = queryOf(PageQuery)

/** Makes the middleware that answers with the page that the query asks for, of the rows that `fetch` reads. */
export const answerPage =
  <Row extends Position>(
    fetch: (ctx: ApiContext, page: Page) => Promise<{ rows: Row[]; count: Count }>,
    toWire: (row: Row) => unknown,
  ): ApiMiddleware =>
  async (ctx) => {
    const { limit, cursor } = page.of(ctx)
    // One more than asked for tells whether there is a next page.
    const { rows, count } = await fetch(ctx, { limit: limit + 1, after: cursor })
    const shown = rows.slice(0, limit)
    const last = shown.at(-1)
    ctx.body = {
      data: shown.map((row) => toWire(row)),
      next_cursor: rows.length > limit && last !== undefined ? formatCursor(last) : null,
      total: count.total,
      total_is_exact: count.isExact,
    }
  }

const formatCursor = ({ createdAt, id }: Position): string => `${createdAt}.${id}`
