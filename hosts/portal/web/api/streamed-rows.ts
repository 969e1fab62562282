import { Readable } from 'node:stream'
import { csvStream } from './csv.ts'
import type { ApiContext } from './endpoint.ts'

type Row = Readonly<Record<string, unknown>>

/** Forms of a list that have all of its rows, without pages. */
export const STREAMED = ['csv', 'ndjson'] as const

export type Streamed = (typeof STREAMED)[number]

export const MEDIA_TYPES: Readonly<Record<Streamed, string>> = { csv: 'text/csv', ndjson: 'application/x-ndjson' }

const PARAMETERS: Readonly<Record<Streamed, string>> = {
  csv: '; charset=utf-8; header=present',
  ndjson: '; charset=utf-8',
}

/** Returns the streamed form that a caller asks for: by `format`, or else by the header Accept; undefined for pages. */
export const streamedForm = (ctx: ApiContext, format: 'json' | Streamed | undefined): Streamed | undefined => {
  ctx.vary('Accept')
  if (format !== undefined) return format === 'json' ? undefined : format
  const accepted = ctx.accepts('json', MEDIA_TYPES.csv, MEDIA_TYPES.ndjson)
  return STREAMED.find((form) => MEDIA_TYPES[form] === accepted)
}

/** Answers with all rows of a list, page by page. The first page is read before, so that a refusal is still one. */
export const answerStreamed = async (
  ctx: ApiContext,
  form: Streamed,
  { name, members, pages }: { name: string; members: readonly string[]; pages: AsyncGenerator<readonly Row[]> },
): Promise<void> => {
  const first = await pages.next()
  const rows = async function* (): AsyncGenerator<readonly Row[]> {
    if (first.done !== true) yield first.value
    yield* pages
  }
  ctx.type = MEDIA_TYPES[form] + PARAMETERS[form]
  ctx.set('Content-Disposition', `attachment; filename="${name}.${form}"`)
  ctx.body = form === 'csv' ? csvStream(members, rows()) : lineStream(rows())
}

/** Streams rows as JSON, one a line. */
const lineStream = (pages: AsyncIterable<readonly Row[]>): Readable => {
  const lines = async function* (): AsyncGenerator<string> {
    for await (const rows of pages) {
      if (rows.length > 0) yield rows.map((row) => `${JSON.stringify(row)}\n`).join('')
    }
  }
  return Readable.from(lines(), { objectMode: false })
}

/** Reads the rows of a stream of JSON lines, as many at a time as come together. */
export const readLines = async function* <Read>(stream: AsyncIterable<Buffer | string>): AsyncGenerator<Read[]> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))).split('\n')
    rest = lines.pop() ?? ''
    if (lines.length > 0) yield lines.map((line) => JSON.parse(line) as Read)
  }
}
