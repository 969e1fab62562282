import { governs, ROLES } from '../../../identity/permissions.ts'
import type { ActorRow } from '../page/api-rows.ts'
import type { Visit } from '../page/admin-parts.ts'
import { deletion } from '../form/deletion.ts'
import { loadedRow } from '../form/load-row.ts'
import type { Field, FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'

const CRUMB = ({ base }: Visit) => ({ text: 'People', url: `${base}/people` })

/** The form for a new person. */
export const newPerson: FormDefinition = {
  path: '/people/new',
  needs: 'actors:write',
  title: () => 'Add a person',
  crumbs: ({ visit }) => [CRUMB(visit)],
  values: () => new FormValues({ type: 'user' }),
  fields: ({ visit }) => personFields(visit),
  call: (_, values) => ({ method: 'POST', path: '/actors', body: personBody(values) }),
  done: (_, answer) => `/people/${(answer as ActorRow).id}`,
  verb: () => 'Add',
  leave: () => '/people',
}

/** The form that changes a person. */
export const editPerson: FormDefinition<ActorRow> = {
  path: '/people/:id/edit',
  needs: 'actors:write',
  load: loadedRow('/actors'),
  title: ({ row }) => `Edit ${row.name}`,
  crumbs: ({ visit, row }) => [CRUMB(visit), { text: row.name, url: `${visit.base}/people/${row.id}` }],
  values: ({ row }) =>
    new FormValues({
      name: row.name,
      email: row.email ?? '',
      type: row.type,
      is_disabled: String(row.is_disabled),
    }),
  fields: ({ visit }) => [
    ...personFields(visit),
    {
      kind: 'radios',
      name: 'is_disabled',
      label: 'Standing',
      options: [
        { value: 'false', text: 'Enabled' },
        { value: 'true', text: 'Disabled: no sign-in, and no access' },
      ],
      isWide: true,
    },
  ],
  call: ({ row }, values) => ({
    method: 'PATCH',
    path: `/actors/${row.id}`,
    body: { ...personBody(values), is_disabled: values.one('is_disabled') === 'true' },
  }),
  done: ({ row }) => `/people/${row.id}`,
  verb: () => 'Save',
  leave: ({ row }) => `/people/${row.id}`,
}

/** The page that asks before a person is deleted. */
export const deletePerson: FormDefinition<ActorRow> = deletion({
  path: '/people',
  api: '/actors',
  needs: 'actors:write',
  list: 'People',
  lead: 'Devices, sign-ins and tokens go along. To keep them, disable the person instead.',
})

const personFields = ({ session }: Visit): Field[] => [
  { kind: 'text', name: 'name', label: 'Name' },
  {
    kind: 'text',
    name: 'email',
    label: 'E-mail address',
    type: 'email',
    help: 'Links the person to the first sign-in with it. May be empty.',
  },
  {
    kind: 'radios',
    name: 'type',
    label: 'Role',
    options: (['user', ...ROLES.toReversed()] as const)
      .filter((type) => governs(session.actor.type, type))
      .map((type) => ({ value: type, text: WORDS[type] })),
    isWide: true,
  },
]

const WORDS = {
  user: 'User: uses what policies allow',
  helpdesk: 'Helpdesk: devices, sessions, explain',
  auditor: 'Auditor: reads all, changes nothing',
  admin: 'Admin: changes all but owners and sign-in',
  owner: 'Owner: changes all',
} as const

const personBody = (values: FormValues) => ({
  name: values.one('name').trim(),
  email: values.textOrNull('email'),
  type: values.one('type'),
})
