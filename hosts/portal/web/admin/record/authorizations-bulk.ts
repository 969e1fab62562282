import { deleteAll } from '../bulk/bulk-acts.ts'
import type { Selection } from '../bulk/selection.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import type { AuthorizationRow } from '../page/api-rows.ts'
import { authorizations } from './authorizations.ts'

/** Ends the selected authorizations. */
export const endAuthorizations: FormDefinition<Selection<AuthorizationRow>> = deleteAll({
  list: authorizations,
  path: '/authorizations/end-all',
  name: ({ created_at: at }) => `that of ${at.slice(0, 16).replace('T', ' ')}`,
  verb: 'End',
  lead: 'Their connections are cut. The policies stay: the next packet asks again, and is allowed again.',
})
