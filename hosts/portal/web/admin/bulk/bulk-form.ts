import type { ApiCall } from '../../api/call-api.ts'
import type { Field, FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import type { ListDefinition } from '../list/list-definition.ts'
import type { Visit } from '../page/admin-parts.ts'
import { readSelection, type SelectedRow, type Selection } from './selection.ts'

/** A change of many rows of one list, in one transaction: all of them, or none. */
export interface BulkDefinition<Row extends SelectedRow, Extra> {
  list: ListDefinition<Row, Extra>
  /** Path of the act, which is one of those that the list offers. */
  path: string
  /** Words of the question, with the number of rows as a word of it, such as `Disable 3 people?`. */
  title: (count: string) => string
  /** Text of the button, such as `Disable 3`. */
  verb: (count: string) => string
  /** Consequence that the difference in access does not say. */
  lead?: string
  name: (row: Row) => string
  /** Fields besides the rows. */
  fields?: (visit: Visit, values: FormValues) => Promise<readonly Field[]>
  isComplete?: (values: FormValues) => boolean
  call: (rows: readonly Row[], values: FormValues) => ApiCall
  /** Rows that it changes at once at most: by default as many as one call of the API has operations. */
  most?: number
}

/** Most operations of one call of the API. */
const MOST_OPERATIONS = 1_000
/** Names that a sentence lists. */
const NAMED = 3

/** Makes the call that carries out one operation for each row. */
export const forEach = <Row extends SelectedRow>(
  rows: readonly Row[],
  operation: (row: Row) => Pick<ApiCall, 'method' | 'path' | 'body'> & { cascade?: boolean },
): ApiCall => ({ method: 'POST', path: '/bulk', body: { operations: rows.map(operation) } })

/** Makes the form that shows what a change of the selected rows would do, and then carries that out. */
export const bulkForm = <Row extends SelectedRow, Extra>(
  definition: BulkDefinition<Row, Extra>,
): FormDefinition<Selection<Row>> => {
  const { list, path, name, lead, most = MOST_OPERATIONS } = definition
  const act = list.bulk?.find((each) => each.path === path)
  if (act === undefined) throw new Error(`${list.title} offer no act ${path}`)
  const counted = (rows: readonly Row[], { one, many } = list.words): string =>
    `${rows.length.toLocaleString('en')} ${rows.length === 1 ? one : many}`
  return {
    path,
    needs: act.needs,
    load: async (visit) => ({ row: await readSelection(visit, list, most), version: undefined }),
    title: ({ row: { rows } }) => definition.title(counted(rows)),
    crumbs: ({ visit }) => [{ text: list.title, url: `${visit.base}${list.path}` }],
    lead: ({ row }) => sentences(row, { name, words: list.words, lead }),
    values: ({ row: { rows, match } }) =>
      new FormValues(match === undefined ? { id: rows.map(({ id }) => id) } : { match }),
    fields: async ({ visit, row: { match } }, values) => [
      { kind: 'hidden', name: match === undefined ? 'id' : 'match', label: '' },
      { kind: 'hidden', name: 'seen', label: '', only: String(visit.parts.clock.unix()) },
      ...((await definition.fields?.(visit, values)) ?? []),
    ],
    isComplete: (values) => (values.has('id') || values.has('match')) && (definition.isComplete?.(values) ?? true),
    call: ({ row: { rows } }, values) => definition.call(rows, values),
    seal: ({ row: { seal } }) => seal,
    problems: ({ row: { rows } }, problems) =>
      problems.map(({ path, message }) => {
        const [, index, field] = /^operations\[(\d+)\](?:\.body)?\.?(.*)$/.exec(path) ?? []
        const row = index === undefined ? undefined : rows[Number(index)]
        return row === undefined ? { path, message } : { path: [name(row), field].filter(Boolean).join(', '), message }
      }),
    done: ({ row: { match } }) => `${list.path}${match ?? ''}`,
    verb: ({ row: { rows } }) => definition.verb(rows.length.toLocaleString('en')),
    isHarm: true,
    leave: ({ row: { match } }) => `${list.path}${match ?? ''}`,
  }
}

/** Says which rows are concerned, what became of them meanwhile, and what the change means. */
const sentences = <Row extends SelectedRow>(
  { rows, match, gone, changed }: Selection<Row>,
  { name, words, lead }: { name: (row: Row) => string; words: { one: string; many: string }; lead: string | undefined },
): string => {
  if (rows.length === 0 && gone === 0) return `No ${words.one} is selected. Go back to the list, and tick some.`
  const which = shortened(rows.map(name))
  return [
    match === undefined ? `${which}.` : `All that match: ${which}.`,
    gone === 0 ? '' : `${gone} that you ticked ${gone === 1 ? 'is' : 'are'} gone.`,
    changed.length === 0 ? '' : `Changed by others meanwhile: ${shortened(changed.map(name))}.`,
    lead ?? '',
  ]
    .filter((part) => part !== '')
    .join(' ')
}

const shortened = (names: readonly string[]): string =>
  names.length > NAMED + 1
    ? `${names.slice(0, NAMED).join(', ')} and ${(names.length - NAMED).toLocaleString('en')} more`
    : names.join(', ')
