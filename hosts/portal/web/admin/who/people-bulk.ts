import type { ActorRow } from '../page/api-rows.ts'
import type { Visit } from '../page/admin-parts.ts'
import { choicesOf } from '../page/choices.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import { formValues } from '../../http/form-fields.ts'

interface Chosen {
  people: readonly Pick<ActorRow, 'id' | 'name'>[]
}

const ID = /^[0-9a-f-]{36}$/

/** Reads the people whose ids the form sent. */
const chosenPeople = async ({ ctx, parts, caller }: Visit): Promise<Chosen> => {
  const reader = parts.store.reader(caller.account.id)
  const ids = new FormValues(formValues(ctx))
    .all('id')
    .filter((id) => ID.test(id))
    .slice(0, 1_000)
  return { people: (await Promise.all(ids.map((id) => reader.get('actors', id)))).flatMap((row) => row ?? []) }
}

const namesOf = ({ people }: Chosen): string =>
  people.length > 3
    ? `${people
        .slice(0, 3)
        .map(({ name }) => name)
        .join(', ')} and ${people.length - 3} more`
    : people.map(({ name }) => name).join(', ')

const shared = {
  load: async (visit: Visit) => ({ row: await chosenPeople(visit), version: undefined }),
  crumbs: ({ visit }: { visit: Visit }) => [{ text: 'People', url: `${visit.base}/people` }],
  values: ({ row }: { row: Chosen }) => new FormValues({ id: row.people.map(({ id }) => id) }),
  done: () => '/people',
  leave: () => '/people',
  isHarm: true,
} as const

/** Adds the ticked people to a group. */
export const addToGroup: FormDefinition<Chosen> = {
  ...shared,
  path: '/people/add-to-group',
  needs: 'groups:write',
  title: ({ row }) => `Add ${row.people.length} to a group`,
  lead: ({ row }) => namesOf(row),
  fields: async ({ visit }) => [
    { kind: 'hidden', name: 'id', label: '' },
    {
      kind: 'select',
      name: 'group',
      label: 'Group',
      path: 'add',
      options: [{ value: '', text: 'choose a group' }, ...(await choicesOf(visit, 'groups'))],
    },
  ],
  isComplete: (values) => values.one('group') !== '',
  call: ({ row }, values) => ({
    method: 'PATCH',
    path: `/groups/${values.one('group')}/memberships`,
    body: { add: row.people.map(({ id }) => id) },
  }),
  verb: ({ row }) => `Add ${row.people.length}`,
}

/** Disables the ticked people, all or none. */
export const disablePeople: FormDefinition<Chosen> = {
  ...shared,
  path: '/people/disable',
  needs: 'actors:write',
  title: ({ row }) => `Disable ${row.people.length}?`,
  lead: ({ row }) => `${namesOf(row)}. They are signed out, and their connections are cut.`,
  fields: () => [{ kind: 'hidden', name: 'id', label: '' }],
  call: ({ row }) => ({
    method: 'POST',
    path: '/bulk',
    body: {
      operations: row.people.map(({ id }) => ({ method: 'PATCH', path: `/actors/${id}`, body: { is_disabled: true } })),
    },
  }),
  verb: ({ row }) => `Disable ${row.people.length}`,
}
