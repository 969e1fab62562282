import type { NamedRow } from '../page/api-rows.ts'
import { link, text, time } from '../page/cell.ts'
import { deletion } from '../form/deletion.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import { loadedRow } from '../form/load-row.ts'
import type { ListDefinition } from '../list/list-definition.ts'
import type { DetailDefinition } from '../detail/detail-page.ts'
import { policyRows, POLICY_COLUMNS } from '../page/policy-rows.ts'

interface Counts {
  members: ReadonlyMap<string, number>
  policies: ReadonlyMap<string, number>
}

/** The list of groups. */
export const groups: ListDefinition<NamedRow, Counts> = {
  path: '/groups',
  needs: 'groups:read',
  watches: ['groups', 'memberships', 'policies'],
  title: 'Groups',
  words: { one: 'group', many: 'groups' },
  lead: 'A policy lets the people of one group use one resource.',
  api: { path: '/groups' },
  add: { text: 'Add a group', path: '/groups/new', needs: 'groups:write' },
  empty: {
    title: 'No group yet',
    text: 'A group is a set of people and service accounts that policies are made for.',
    steps: ['Name the group', 'Add its members', 'Add a policy that lets them use a resource'],
  },
  search: 'Name',
  filters: [],
  sort: 'name',
  extra: async ({ parts, caller }, rows) => {
    const reader = parts.store.reader(caller.account.id)
    const ids = rows.map(({ id }) => id)
    return {
      members: await reader.countBy('memberships', 'groupId', ids),
      policies: await reader.countBy('policies', 'groupId', ids),
    }
  },
  head: {
    key: 'name',
    title: 'Group',
    sort: 'name',
    cell: ({ id, name }, { visit: { base } }) => link(name, `${base}/groups/${id}`),
  },
  columns: [
    {
      key: 'members',
      title: 'Members',
      isNumeric: true,
      cell: ({ id }, { extra }) => text(extra.members.get(id) ?? 0),
    },
    {
      key: 'policies',
      title: 'Policies',
      isNumeric: true,
      cell: ({ id }, { extra }) => text(extra.policies.get(id) ?? 0),
    },
    { key: 'created', title: 'Created', sort: 'created_at', cell: ({ created_at: at }) => time(at) },
    { key: 'changed', title: 'Changed', sort: 'updated_at', isHidden: true, cell: ({ updated_at: at }) => time(at) },
  ],
  bulk: [{ text: 'Delete', path: '/groups/delete', needs: 'groups:write', isHarm: true }],
}

const CRUMBS = ({ base }: { base: string }) => [{ text: 'Groups', url: `${base}/groups` }]

/** The page of one group. */
export const group: DetailDefinition<NamedRow> = {
  path: '/groups/:id',
  needs: 'groups:read',
  watches: ['groups', 'memberships', 'policies', 'actors', 'resources'],
  load: async (visit) => (await loadedRow<NamedRow>('/groups')(visit)).row,
  title: ({ name }) => name,
  crumbs: CRUMBS,
  acts: ({ id }) => [
    { text: 'Delete', path: `/groups/${id}/delete`, needs: 'groups:write', isHarm: true },
    { text: 'Rename', path: `/groups/${id}/edit`, needs: 'groups:write' },
    { text: 'Change members', path: `/groups/${id}/members`, needs: 'groups:write', isMain: true },
  ],
  sections: async ({ id }, visit) => {
    const { parts, caller, base } = visit
    const reader = parts.store.reader(caller.account.id)
    const inGroup = { tests: [{ related: 'groupId' as const, in: [id] }] }
    const sort = { column: 'name' as const, isDescending: false }
    const [{ rows: members }, { total }] = await Promise.all([
      reader.find('actors', { ...inGroup, sort, limit: MAX_MEMBERS }),
      reader.count('actors', inGroup),
    ])
    const policies = visit.may('policies:read') ? await reader.list('policies', { where: { groupId: id } }) : []
    return [
      {
        key: 'members',
        heading: 'Members',
        aside: text(total > MAX_MEMBERS ? `the first ${MAX_MEMBERS} of ${total.toLocaleString('en')}` : total),
        ...(total > MAX_MEMBERS ? { acts: [{ text: 'List all', url: `${base}/people?group_id=${id}` }] } : {}),
        nothing: 'Nobody is a member. Until somebody is, its policies let nobody in.',
        table: {
          columns: [{ title: 'Member' }, { title: 'Kind' }],
          rows: members.map(({ id: actorId, name, email, type }) => ({
            key: actorId,
            head: link(name, `${base}/people/${actorId}`, email ?? undefined),
            cells: [text(type.replace('_', ' '))],
            act: { text: 'Explain', about: `the access of ${name}`, url: `${base}/explain?actor=${actorId}` },
          })),
        },
      },
      ...(visit.may('policies:read')
        ? [
            {
              key: 'policies',
              heading: 'Policies',
              nothing: 'No policy is for this group: it opens nothing yet.',
              ...(visit.may('policies:write')
                ? { acts: [{ text: 'Add a policy', url: `${base}/policies/new?group_id=${id}` }] }
                : {}),
              table: { columns: POLICY_COLUMNS, rows: await policyRows(visit, policies) },
            },
          ]
        : []),
    ]
  },
}

/** Members shown on a group's page. */
const MAX_MEMBERS = 50

/** The form for a new group. */
export const newGroup: FormDefinition = {
  path: '/groups/new',
  needs: 'groups:write',
  title: () => 'Add a group',
  crumbs: ({ visit }) => CRUMBS(visit),
  values: () => new FormValues({}),
  fields: () => [{ kind: 'text', name: 'name', label: 'Name' }],
  call: (_, values) => ({ method: 'POST', path: '/groups', body: { name: values.one('name').trim() } }),
  done: (_, answer) => `/groups/${(answer as NamedRow).id}`,
  verb: () => 'Add',
  leave: () => '/groups',
}

/** The form that renames a group. */
export const renameGroup: FormDefinition<NamedRow> = {
  path: '/groups/:id/edit',
  needs: 'groups:write',
  load: loadedRow('/groups'),
  title: ({ row }) => `Rename ${row.name}`,
  crumbs: ({ visit }) => CRUMBS(visit),
  values: ({ row }) => new FormValues({ name: row.name }),
  fields: () => [{ kind: 'text', name: 'name', label: 'Name' }],
  call: ({ row }, values) => ({
    method: 'PATCH',
    path: `/groups/${row.id}`,
    body: { name: values.one('name').trim() },
  }),
  done: ({ row }) => `/groups/${row.id}`,
  verb: () => 'Save',
  leave: ({ row }) => `/groups/${row.id}`,
}

/** The page that asks before a group is deleted. */
export const deleteGroup: FormDefinition<NamedRow> = deletion({
  path: '/groups',
  api: '/groups',
  needs: 'groups:write',
  list: 'Groups',
  lead: 'Its policies go along, and with them the access that they give.',
})
