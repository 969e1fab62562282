import { z } from 'zod'
import { fromBase64Url, toBase64Url, utf8 } from '../../../../core/crypto/text-encoding.ts'
import { unixTime } from '../../../../core/runtime/time.ts'
import type { Page, Position } from '../../store/store.ts'
import type { ApiContext, Step } from './endpoint.ts'
import { queryOf, type Read } from './read-body.ts'

/** An opaque cursor: the position of the last row that was seen. */
const Cursor = z
  .string()
  .max(200)
  .transform((text, context): Position => {
    const position = parseCursor(text)
    if (position !== undefined) return position
    context.addIssue('is no cursor of this API')
    return z.NEVER
  })

export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: Cursor.optional().describe('`next_cursor` of the page before'),
})

export const page: Read<z.infer<typeof PageQuery>> = queryOf(PageQuery)

/** Answers with the page that the query asks for, of what `fetch` yields. */
export const answerPage =
  <Row extends Position>(fetch: (ctx: ApiContext, page: Page) => Promise<Row[]>, toWire: (row: Row) => unknown): Step =>
  async (ctx) => {
    const { limit, cursor } = page.of(ctx)
    // One more than asked for tells whether there is a next page.
    const rows = await fetch(ctx, { limit: limit + 1, after: cursor })
    const shown = rows.slice(0, limit)
    const last = shown.at(-1)
    ctx.body = {
      data: shown.map((row) => toWire(row)),
      next_cursor: rows.length > limit && last !== undefined ? formatCursor(last) : null,
    }
  }

const formatCursor = ({ createdAt, id }: Position): string => toBase64Url(utf8(`${createdAt}.${id}`))

const parseCursor = (text: string): Position | undefined => {
  const bytes = fromBase64Url(text)
  const match = /^(\d{1,15})\.([0-9a-f-]{36})$/.exec(new TextDecoder().decode(bytes ?? new Uint8Array()))
  const [, createdAt, id] = match ?? []
  return createdAt === undefined || id === undefined ? undefined : { createdAt: unixTime(Number(createdAt)), id }
}
