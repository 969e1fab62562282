import { deleteAll } from '../bulk/bulk-acts.ts'
import type { Selection } from '../bulk/selection.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import type { ResourceRow, SiteRow } from '../page/api-rows.ts'
import { resources } from './resources.ts'
import { sites } from './sites.ts'

/** Deletes the selected sites. */
export const deleteSites: FormDefinition<Selection<SiteRow>> = deleteAll({
  list: sites,
  path: '/sites/delete',
  name: (row) => row.name,
  verb: 'Delete',
  lead: 'Their gateways, resources and the policies on them go along.',
})

/** Deletes the selected resources. */
export const deleteResources: FormDefinition<Selection<ResourceRow>> = deleteAll({
  list: resources,
  path: '/resources/delete',
  name: (row) => row.name,
  verb: 'Delete',
  lead: 'The policies on them go along.',
})
