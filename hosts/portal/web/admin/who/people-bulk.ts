import { bulkForm, forEach } from '../bulk/bulk-form.ts'
import { changeAll, deleteAll } from '../bulk/bulk-acts.ts'
import type { Selection } from '../bulk/selection.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import { pickField } from '../form/pick-field.ts'
import type { ListDefinition } from '../list/list-definition.ts'
import type { ActorRow } from '../page/api-rows.ts'
import { people } from './people.ts'
import { serviceAccounts } from './service-accounts.ts'

/** Rows whose membership is changed at once at most: one call of the API does it for all of them. */
const MOST_MEMBERS = 10_000

const name = (row: ActorRow): string => row.name

/** Makes the form that adds the selected rows to a group, or takes them from one. */
const membership = <Extra>(
  list: ListDefinition<ActorRow, Extra>,
  change: 'add' | 'remove',
): FormDefinition<Selection<ActorRow>> =>
  bulkForm({
    list,
    path: `${list.path}/${change === 'add' ? 'add-to-group' : 'take-from-group'}`,
    title: (count) => (change === 'add' ? `Add ${count} to a group` : `Take ${count} from a group`),
    verb: (count) => (change === 'add' ? `Add ${count}` : `Take ${count} from it`),
    name,
    fields: async (visit, values) => [
      await pickField(visit, values, {
        kind: 'groups',
        name: 'group',
        label: 'Group',
        path: change,
        none: 'choose a group',
      }),
    ],
    isComplete: (values) => values.one('group') !== '',
    call: (rows, values) => ({
      method: 'PATCH',
      path: `/groups/${values.one('group')}/memberships`,
      body: { [change]: rows.map(({ id }) => id) },
    }),
    most: MOST_MEMBERS,
  })

export const addToGroup = membership(people, 'add')
export const takeFromGroup = membership(people, 'remove')
export const addAccountsToGroup = membership(serviceAccounts, 'add')
export const takeAccountsFromGroup = membership(serviceAccounts, 'remove')

/** Disables the selected people, all or none. */
export const disablePeople: FormDefinition<Selection<ActorRow>> = changeAll({
  list: people,
  path: '/people/disable',
  name,
  verb: 'Disable',
  body: { is_disabled: true },
  lead: 'They are signed out, and their connections are cut.',
})

/** Enables the selected people again. */
export const enablePeople: FormDefinition<Selection<ActorRow>> = changeAll({
  list: people,
  path: '/people/enable',
  name,
  verb: 'Enable',
  body: { is_disabled: false },
  lead: 'They may sign in again.',
})

/** Signs the selected people out of their browsers and clients. */
export const endSessions: FormDefinition<Selection<ActorRow>> = bulkForm({
  list: people,
  path: '/people/end-sessions',
  name,
  title: (count) => `End the sessions of ${count}?`,
  verb: (count) => `Sign ${count} out`,
  lead: 'They are signed out of all browsers and clients, and their connections are cut. They may sign in again.',
  call: (rows) => forEach(rows, ({ id }) => ({ method: 'DELETE', path: `/actors/${id}/sessions` })),
})

/** Deletes the selected people. */
export const deletePeople: FormDefinition<Selection<ActorRow>> = deleteAll({
  list: people,
  path: '/people/delete',
  name,
  verb: 'Delete',
  lead: 'Devices, sign-ins and tokens go along. To keep them, disable the people instead.',
})

/** Disables the selected service accounts. */
export const disableAccounts: FormDefinition<Selection<ActorRow>> = changeAll({
  list: serviceAccounts,
  path: '/service-accounts/disable',
  name,
  verb: 'Disable',
  body: { is_disabled: true },
  lead: 'Their tokens are refused, and their connections are cut.',
})

/** Enables the selected service accounts again. */
export const enableAccounts: FormDefinition<Selection<ActorRow>> = changeAll({
  list: serviceAccounts,
  path: '/service-accounts/enable',
  name,
  verb: 'Enable',
  body: { is_disabled: false },
})

/** Deletes the selected service accounts. */
export const deleteAccounts: FormDefinition<Selection<ActorRow>> = deleteAll({
  list: serviceAccounts,
  path: '/service-accounts/delete',
  name,
  verb: 'Delete',
  lead: 'Their tokens go along.',
})
