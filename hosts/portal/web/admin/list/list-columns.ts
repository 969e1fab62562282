import { formValues } from '../../http/form-fields.ts'
import type { AdminForm } from '../page/admin-parts.ts'
import { changePreferences } from '../page/preferences.ts'
import { addressText, listAddress, type ListAddress } from './list-address.ts'
import type { ListColumn, ListDefinition } from './list-definition.ts'

/** Returns the columns that a list shows at an address, besides the first. */
export const shownColumns = <Row extends { id: string }, Extra>(
  { columns }: ListDefinition<Row, Extra>,
  address: ListAddress,
): ListColumn<Row, Extra>[] =>
  columns.filter(({ key, isHidden }) => address.columns?.includes(key) ?? isHidden !== true)

/** Makes the form that keeps which columns of a list the visitor sees, and goes back to the list. */
export const listColumns = <Row extends { id: string }, Extra>(definition: ListDefinition<Row, Extra>): AdminForm => {
  const { path, needs, columns } = definition
  return {
    path: `${path}/columns`,
    needs,
    act: async (visit) => {
      const sent = formValues(visit.ctx)
      const chosen = columns.map(({ key }) => key).filter((key) => sent.get('column')?.includes(key))
      await changePreferences(visit.parts.store, visit.session, (present) => {
        const { [path]: _, ...others } = present.columns
        return { ...present, columns: sent.has('reset') ? others : { ...others, [path]: chosen } }
      })
      const back = listAddress(new URLSearchParams(sent.get('back')?.[0]), definition)
      visit.ctx.redirect(`${visit.base}${path}${addressText({ ...back, columns: undefined }, definition)}`)
      visit.ctx.status = 303
      return undefined
    },
  }
}
