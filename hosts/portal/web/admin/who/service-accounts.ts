import type { ActorRow } from '../page/api-rows.ts'
import { link, mark, text, time } from '../page/cell.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import type { ListDefinition } from '../list/list-definition.ts'
import { rowFilter, wordFilter } from '../list/list-parts.ts'

import { STANDING } from './people.ts'

/** The list of service accounts: actors that are programs. */
export const serviceAccounts: ListDefinition<ActorRow, ReadonlyMap<string, number>> = {
  path: '/service-accounts',
  needs: 'actors:read',
  watches: ['actors', 'tokens'],
  title: 'Service accounts',
  words: { one: 'service account', many: 'service accounts' },
  lead: 'Programs that call the API or run a client. They sign in by a token, never in a browser.',
  api: { path: '/actors', query: { type: 'service_account' } },
  add: { text: 'Add a service account', path: '/service-accounts/new', needs: 'actors:write' },
  empty: {
    title: 'No service account yet',
    text: 'A service account is a program: it has tokens and may be in groups.',
  },
  search: 'Name',
  filters: [rowFilter('group_id', 'Group', 'groups'), wordFilter('is_disabled', 'Standing', STANDING)],
  sort: 'name',
  extra: async ({ parts, caller }, rows) => {
    const reader = parts.store.reader(caller.account.id)
    return new Map(
      await Promise.all(
        rows.map(async ({ id }) => [id, (await reader.list('tokens', { where: { actorId: id } })).length] as const),
      ),
    )
  },
  head: {
    key: 'name',
    title: 'Name',
    sort: 'name',
    cell: ({ id, name }, { visit: { base } }) => link(name, `${base}/people/${id}`),
  },
  columns: [
    { key: 'tokens', title: 'Tokens', isNumeric: true, cell: ({ id }, { extra }) => text(extra.get(id) ?? 0) },
    {
      key: 'standing',
      title: 'Standing',
      sort: 'is_disabled',
      cell: ({ is_disabled: isDisabled }) => (isDisabled ? mark('off', 'disabled') : mark('yes', 'enabled')),
    },
    { key: 'created', title: 'Created', sort: 'created_at', cell: ({ created_at: at }) => time(at) },
    { key: 'changed', title: 'Changed', sort: 'updated_at', isHidden: true, cell: ({ updated_at: at }) => time(at) },
  ],
  bulk: [
    { text: 'Add to a group', path: '/service-accounts/add-to-group', needs: 'groups:write' },
    { text: 'Take from a group', path: '/service-accounts/take-from-group', needs: 'groups:write' },
    { text: 'Enable', path: '/service-accounts/enable', needs: 'actors:write' },
    { text: 'Disable', path: '/service-accounts/disable', needs: 'actors:write', isHarm: true },
    { text: 'Delete', path: '/service-accounts/delete', needs: 'actors:write', isHarm: true },
  ],
}

/** The form for a new service account. */
export const newServiceAccount: FormDefinition = {
  path: '/service-accounts/new',
  needs: 'actors:write',
  title: () => 'Add a service account',
  crumbs: ({ visit }) => [{ text: 'Service accounts', url: `${visit.base}/service-accounts` }],
  values: () => new FormValues({}),
  fields: () => [{ kind: 'text', name: 'name', label: 'Name' }],
  call: (_, values) => ({
    method: 'POST',
    path: '/actors',
    body: { type: 'service_account', name: values.one('name').trim() },
  }),
  done: (_, answer) => `/people/${(answer as ActorRow).id}`,
  verb: () => 'Add',
  leave: () => '/service-accounts',
}
