import type { Permission } from '../../../identity/permissions.ts'
import type { Visit } from '../page/admin-parts.ts'
import type { FormDefinition } from './form-definition.ts'
import { FormValues } from './form-values.ts'
import { loadedRow } from './load-row.ts'

/** Makes the page that asks before a row is deleted, and says what goes along and who loses access. */
export const deletion = <Row extends { id: string; name: string }>({
  path,
  api,
  needs,
  list,
  back,
  lead,
}: {
  /** Path of the thing's pages, such as `/groups`. */
  path: string
  /** Path of the API's operations on it. */
  api: string
  needs: Permission
  /** Title of the list that leads to it. */
  list: string
  /** Path that leaves without deleting; the thing's own page by default. */
  back?: (row: Row) => string
  lead?: string
}): FormDefinition<Row> => ({
  path: `${path}/:id/delete`,
  needs,
  load: loadedRow<Row>(api),
  title: ({ row }) => `Delete ${row.name}?`,
  crumbs: ({ visit }: { visit: Visit }) => [{ text: list, url: `${visit.base}${path}` }],
  ...(lead === undefined ? {} : { lead: () => lead }),
  values: () => new FormValues({}),
  fields: () => [],
  call: ({ row }) => ({ method: 'DELETE', path: `${api}/${row.id}` }),
  done: () => path,
  verb: ({ row }) => `Delete ${row.name}`,
  isHarm: true,
  leave: ({ row }) => back?.(row) ?? `${path}/${row.id}`,
})
