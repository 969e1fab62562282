import { createHash } from 'node:crypto'
import { formValues } from '../../http/form-fields.ts'
import { Problem } from '../../http/problem.ts'
import { FormValues } from '../form/form-values.ts'
import { addressText, listAddress, questionOf } from '../list/list-address.ts'
import type { ListDefinition } from '../list/list-definition.ts'
import type { Visit } from '../page/admin-parts.ts'

/** A row as far as a change in bulk needs it. */
export interface SelectedRow {
  id: string
  updated_at: string
}

/** Rows of a list that a visitor has ticked, or all that match the list's query. */
export interface Selection<Row extends SelectedRow> {
  rows: readonly Row[]
  /** Query of the list whose matching rows are selected; undefined where rows were ticked. */
  match: string | undefined
  /** Number of ticked rows that are gone. */
  gone: number
  /** Rows that were changed since the visitor saw what would become of them. */
  changed: readonly Row[]
  /** Names the rows and their state: other rows, or changed ones, have another seal. */
  seal: string
}

const ID = /^[0-9a-f-]{36}$/
/** Ids in one filter of the API. */
const IDS_AT_ONCE = 100

/**
 * Reads the rows that a form names: those with the ids that were ticked, or those that match its query at present.
 * @throws Problem if more than `most` match
 */
export const readSelection = async <Row extends SelectedRow, Extra>(
  visit: Visit,
  list: ListDefinition<Row, Extra>,
  most: number,
): Promise<Selection<Row>> => {
  const sent = new FormValues(visit.ctx.method === 'POST' ? formValues(visit.ctx) : queryValues(visit))
  const match = sent.has('match')
    ? addressText({ ...listAddress(new URLSearchParams(sent.one('match')), list), cursor: undefined }, list)
    : undefined
  const ids = [...new Set(sent.all('id').filter((id) => ID.test(id)))].slice(0, most)
  const rows = match === undefined ? await rowsWith(visit, list, ids) : await rowsOf(visit, list, match, most)
  const seen = Number(sent.one('seen') || Number.POSITIVE_INFINITY)
  return {
    rows,
    match,
    gone: match === undefined ? ids.length - rows.length : 0,
    changed: rows.filter(({ updated_at: at }) => Date.parse(at) >= seen),
    seal: createHash('sha256')
      .update(rows.map(({ id, updated_at: at }) => `${id} ${at}\n`).join(''))
      .digest('base64url'),
  }
}

const queryValues = ({ ctx }: Visit): Record<string, string[]> => {
  const query = new URLSearchParams(ctx.querystring)
  return Object.fromEntries([...query.keys()].map((name) => [name, query.getAll(name)]))
}

const rowsWith = async <Row extends SelectedRow, Extra>(
  visit: Visit,
  { api }: ListDefinition<Row, Extra>,
  ids: readonly string[],
): Promise<Row[]> => {
  const found: Row[] = []
  for (let start = 0; start < ids.length; start += IDS_AT_ONCE) {
    const id = ids.slice(start, start + IDS_AT_ONCE).join(',')
    for await (const rows of await visit.rows<Row>(api.path, { ...api.query, id })) found.push(...rows)
  }
  return found
}

const rowsOf = async <Row extends SelectedRow, Extra>(
  visit: Visit,
  list: ListDefinition<Row, Extra>,
  match: string,
  most: number,
): Promise<Row[]> => {
  const { limit: _, cursor: __, ...question } = questionOf(listAddress(new URLSearchParams(match), list))
  const found: Row[] = []
  for await (const rows of await visit.rows<Row>(list.api.path, { ...list.api.query, ...question })) {
    found.push(...rows)
    if (found.length > most) throw tooMany(list, most)
  }
  return found
}

const tooMany = ({ words }: { words: { many: string } }, most: number): Problem =>
  new Problem(
    422,
    'too_many_rows',
    `More than ${most.toLocaleString('en')} ${words.many} match. So many are not changed at once, as everybody else's changes would wait: narrow the filter, and change them in parts.`,
  )
