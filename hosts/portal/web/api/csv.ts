import { Readable } from 'node:stream'

/** Text that a spreadsheet would take for a formula. */
const FORMULA = /^[=+\-@\t\r]/

/**
 * Streams rows as CSV (RFC 4180), with a head. Texts that a spreadsheet would take for formulas get an apostrophe in
 * front; lists and objects are JSON.
 */
export const csvStream = (
  members: readonly string[],
  pages: AsyncIterable<readonly Readonly<Record<string, unknown>>[]>,
): Readable => {
  const lines = async function* (): AsyncGenerator<string> {
    yield `${members.map(cell).join(',')}\r\n`
    for await (const rows of pages) {
      if (rows.length > 0)
        yield rows.map((row) => `${members.map((member) => cell(row[member])).join(',')}\r\n`).join('')
    }
  }
  return Readable.from(lines(), { objectMode: false })
}

const cell = (value: unknown): string => {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const safe = FORMULA.test(text) ? `'${text}` : text
  return /[",\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
