import type { FormDefinition } from '../form/form-definition.ts'
import type { ListDefinition } from '../list/list-definition.ts'
import { bulkForm, forEach } from './bulk-form.ts'
import type { SelectedRow, Selection } from './selection.ts'

interface Act<Row extends SelectedRow, Extra> {
  list: ListDefinition<Row, Extra>
  /** Path of the act, which is one of those that the list offers. */
  path: string
  name: (row: Row) => string
  /** Word of the button, such as `Disable`. */
  verb: string
  lead?: string
}

/** Makes the form that gives all selected rows the same values. */
export const changeAll = <Row extends SelectedRow, Extra>({
  verb,
  body,
  ...act
}: Act<Row, Extra> & { body: Readonly<Record<string, unknown>> }): FormDefinition<Selection<Row>> =>
  bulkForm({
    ...act,
    title: (count) => `${verb} ${count}?`,
    verb: (count) => `${verb} ${count}`,
    call: (rows) => forEach(rows, ({ id }) => ({ method: 'PATCH', path: `${act.list.api.path}/${id}`, body })),
  })

/** Makes the form that deletes all selected rows, with what depends on them. */
export const deleteAll = <Row extends SelectedRow, Extra>({
  verb,
  at,
  ...act
}: Act<Row, Extra> & {
  /** Path of the API's operation on a row; by default that of the list, and the row's id. */
  at?: (row: Row) => string
}): FormDefinition<Selection<Row>> =>
  bulkForm({
    ...act,
    title: (count) => `${verb} ${count}?`,
    verb: (count) => `${verb} ${count}`,
    call: (rows) =>
      forEach(rows, (row) => ({
        method: 'DELETE',
        path: at?.(row) ?? `${act.list.api.path}/${row.id}`,
        cascade: true,
      })),
  })
