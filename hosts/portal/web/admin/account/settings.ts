import type { FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import type { Visit } from '../page/admin-parts.ts'

interface AccountRow {
  id: string
  slug: string
  name: string
  search_domain: string | null
}

/** The form with the account's own settings. */
export const settingsForm: FormDefinition<AccountRow> = {
  path: '/settings',
  needs: 'account:write',
  load: async ({ parts, caller }: Visit) => {
    const outcome = await parts.api.call<AccountRow>(caller, { method: 'GET', path: '/account' })
    if (!outcome.ok) throw outcome.problem
    return { row: outcome.body, version: outcome.version }
  },
  title: () => 'Settings',
  crumbs: () => [],
  values: ({ row }) => new FormValues({ name: row.name, search_domain: row.search_domain ?? '' }),
  fields: () => [
    { kind: 'text', name: 'name', label: 'Name of the organisation', help: 'Shown on every page, and at the sign-in.' },
    {
      kind: 'text',
      name: 'search_domain',
      label: 'Search domain',
      help: 'Clients complete short names with it: wiki becomes wiki.example.org. May be empty.',
    },
  ],
  call: (_, values) => ({
    method: 'PATCH',
    path: '/account',
    body: { name: values.one('name').trim(), search_domain: values.textOrNull('search_domain') },
  }),
  done: () => '/settings',
  verb: () => 'Save',
  leave: () => '',
}
