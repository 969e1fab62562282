import type { PolicyRow } from '../page/api-rows.ts'
import { link, text, time } from '../page/cell.ts'
import { modeMark } from '../page/policy-rows.ts'
import type { ListDefinition } from '../list/list-definition.ts'
import { rowFilter, wordFilter } from '../list/list-parts.ts'

interface Extra {
  groups: ReadonlyMap<string, { name: string }>
  resources: ReadonlyMap<string, { name: string }>
}

/** The list of policies. */
export const policies: ListDefinition<PolicyRow, Extra> = {
  path: '/policies',
  needs: 'policies:read',
  watches: ['policies', 'groups', 'resources'],
  title: 'Policies',
  words: { one: 'policy', many: 'policies' },
  lead: 'Each lets one group use one resource, under its conditions. What no policy allows is denied.',
  api: { path: '/policies' },
  add: { text: 'Add a policy', path: '/policies/new', needs: 'policies:write' },
  empty: {
    title: 'No policy yet',
    text: 'A policy lets the people of one group use one resource. Until there is one, nobody reaches anything.',
    steps: [
      'Choose a group and a resource',
      'Add conditions, if it is not for always',
      'See who gains access, and save',
    ],
  },
  search: 'Group, resource or description',
  filters: [
    rowFilter('group_id', 'Group', 'groups'),
    rowFilter('resource_id', 'Resource', 'resources'),
    wordFilter('mode', 'Mode', { enforced: 'enforced', shadow: 'shadow' }),
    wordFilter('is_disabled', 'Standing', { false: 'enabled', true: 'disabled' }),
  ],
  sort: '-created_at',
  extra: async ({ parts, caller }, rows) => {
    const reader = parts.store.reader(caller.account.id)
    const [groups, resources] = [rows.map(({ group_id: id }) => id), rows.map(({ resource_id: id }) => id)]
    return { groups: await reader.getAll('groups', groups), resources: await reader.getAll('resources', resources) }
  },
  head: {
    key: 'name',
    title: 'Policy',
    details: 'Description',
    sort: 'group_name',
    cell: ({ id, group_id: group, resource_id: resource, description }, { visit: { base }, extra }) =>
      link(
        `${extra.groups.get(group)?.name ?? '?'} → ${extra.resources.get(resource)?.name ?? '?'}`,
        `${base}/policies/${id}/edit`,
        description ?? undefined,
      ),
  },
  columns: [
    {
      key: 'resource',
      title: 'Resource',
      sort: 'resource_name',
      isHidden: true,
      cell: ({ resource_id: id }, { visit: { base }, extra }) =>
        link(extra.resources.get(id)?.name ?? '?', `${base}/resources/${id}`),
    },
    {
      key: 'description',
      title: 'Description',
      sort: 'description',
      isHidden: true,
      cell: ({ description }) => text(description ?? ''),
    },
    {
      key: 'conditions',
      title: 'Conditions',
      cell: ({ conditions }) => text(conditions.map(({ condition }) => condition).join(', ') || 'always'),
    },
    {
      key: 'mode',
      title: 'Mode',
      sort: 'mode',
      cell: ({ mode, is_disabled: isDisabled }) => modeMark(isDisabled, mode),
    },
    { key: 'created', title: 'Created', sort: 'created_at', cell: ({ created_at: at }) => time(at) },
    { key: 'changed', title: 'Changed', sort: 'updated_at', isHidden: true, cell: ({ updated_at: at }) => time(at) },
  ],
  bulk: [
    { text: 'Enable', path: '/policies/enable', needs: 'policies:write' },
    { text: 'Disable', path: '/policies/disable', needs: 'policies:write' },
    { text: 'Enforce', path: '/policies/enforce', needs: 'policies:write' },
    { text: 'Shadow', path: '/policies/shadow', needs: 'policies:write' },
    { text: 'Delete', path: '/policies/delete', needs: 'policies:write', isHarm: true },
  ],
}
