import type { ActorRow, ResourceRow } from '../page/api-rows.ts'
import type { Visit } from '../page/admin-parts.ts'
import { link, mark, text, type Cell } from '../page/cell.ts'
import { policyRows, POLICY_COLUMNS } from '../page/policy-rows.ts'
import { filtersText } from '../page/resource-rows.ts'
import { loadedRow } from '../form/load-row.ts'
import type { DetailDefinition } from '../detail/detail-page.ts'
import type { ListDefinition } from '../list/list-definition.ts'
import { rowFilter, timeColumns, wordFilter } from '../list/list-parts.ts'

interface Extra {
  sites: ReadonlyMap<string, { name: string }>
  policies: ReadonlyMap<string, number>
}

const KINDS = { dns: 'name', cidr: 'network', ip: 'address', internet: 'the Internet' } as const

/** The list of resources. */
export const resources: ListDefinition<ResourceRow, Extra> = {
  path: '/resources',
  needs: 'resources:read',
  watches: ['resources', 'sites', 'policies'],
  title: 'Resources',
  words: { one: 'resource', many: 'resources' },
  lead: 'Names and networks behind gateways. Nobody reaches one without a policy.',
  api: { path: '/resources' },
  add: { text: 'Add a resource', path: '/resources/new', needs: 'resources:write' },
  empty: {
    title: 'No resource yet',
    text: 'A resource is a name, an address or a network at a site, and the ports that may be used there.',
    steps: [
      'Choose the site whose gateways reach it',
      'Say its name or address, and its ports',
      'Add a policy: who may use it',
    ],
  },
  search: 'Name or address',
  filters: [
    rowFilter('site_id', 'Site', 'sites'),
    rowFilter('group_id', 'For the group', 'groups'),
    wordFilter('type', 'Kind', KINDS),
  ],
  sort: 'name',
  extra: async ({ parts, caller }, rows) => {
    const reader = parts.store.reader(caller.account.id)
    const [sites, policies] = [rows.map(({ site_id: id }) => id), rows.map(({ id }) => id)]
    return {
      sites: await reader.getAll('sites', sites),
      policies: await reader.countBy('policies', 'resourceId', policies),
    }
  },
  head: {
    key: 'name',
    title: 'Resource',
    details: 'Note',
    sort: 'name',
    cell: ({ id, name, address_description: note }, { visit: { base } }) =>
      link(name, `${base}/resources/${id}`, note ?? undefined),
  },
  columns: [
    { key: 'address', title: 'Address', sort: 'address', cell: ({ address }) => addressCell(address) },
    { key: 'kind', title: 'Kind', sort: 'type', isHidden: true, cell: ({ type }) => text(KINDS[type]) },
    {
      key: 'site',
      title: 'Site',
      sort: 'site_name',
      cell: ({ site_id: id }, { extra, visit: { base } }) =>
        link(extra.sites.get(id)?.name ?? '', `${base}/sites/${id}`),
    },
    { key: 'filters', title: 'Lets pass', cell: ({ filters }) => text(filtersText(filters)) },
    {
      key: 'policies',
      title: 'Policies',
      isNumeric: true,
      cell: ({ id }, { extra }) => {
        const count = extra.policies.get(id) ?? 0
        return count === 0 ? mark('off', '0', 'nobody reaches it') : text(count)
      },
    },
    ...timeColumns(),
  ],
  act: ({ id, name }, { visit: { base } }) => ({
    text: 'Explain',
    about: `access to ${name}`,
    url: `${base}/explain?resource=${id}`,
  }),
  bulk: [{ text: 'Delete', path: '/resources/delete', needs: 'resources:write', isHarm: true }],
}

const addressCell = (address: string | null): Cell => ({ text: address ?? 'the Internet', isCode: address !== null })

/** People whose access is judged on a resource's page. */
const MAX_PEOPLE = 100

/** The page of one resource: who reaches it and why, by which policies. */
export const resource: DetailDefinition<ResourceRow> = {
  path: '/resources/:id',
  needs: 'resources:read',
  watches: ['resources', 'policies', 'memberships', 'actors', 'groups', 'clients', 'gateways'],
  load: async (visit) => (await loadedRow<ResourceRow>('/resources')(visit)).row,
  title: ({ name }) => name,
  crumbs: ({ base }) => [{ text: 'Resources', url: `${base}/resources` }],
  acts: ({ id }) => [
    { text: 'Delete', path: `/resources/${id}/delete`, needs: 'resources:write', isHarm: true },
    { text: 'Edit', path: `/resources/${id}/edit`, needs: 'resources:write' },
    { text: 'Add a policy', path: `/policies/new?resource_id=${id}`, needs: 'policies:write', isMain: true },
  ],
  sections: async (row, visit) => {
    const { base, parts, caller } = visit
    const reader = parts.store.reader(caller.account.id)
    const [site, policies] = await Promise.all([
      reader.get('sites', row.site_id),
      reader.list('policies', { where: { resourceId: row.id } }),
    ])
    const people = await peopleOf(
      visit,
      policies.map(({ groupId }) => groupId),
    )
    return [
      {
        key: 'facts',
        heading: 'What it is',
        facts: [
          { label: 'Address', cell: addressCell(row.address) },
          { label: 'Kind', cell: text(KINDS[row.type]) },
          { label: 'Lets pass', cell: text(filtersText(row.filters)) },
          { label: 'Site', cell: link(site?.name ?? '', `${base}/sites/${row.site_id}`) },
          ...(row.address_description === null ? [] : [{ label: 'Note', cell: text(row.address_description) }]),
        ],
      },
      {
        key: 'people',
        heading: 'Who reaches it',
        aside: text(people.isCut ? `the first ${MAX_PEOPLE}` : ''),
        nothing:
          policies.length === 0 ? 'Nobody reaches it. Add a policy.' : 'Nobody is in the groups of its policies.',
        table: {
          columns: [{ title: 'Person' }, { title: 'Now' }],
          rows: await Promise.all(people.list.map(async (person) => reachRow(visit, row, person))),
        },
      },
      {
        key: 'policies',
        heading: 'Policies',
        nothing: 'No policy leads here: nobody reaches it.',
        table: { columns: POLICY_COLUMNS, rows: await policyRows(visit, policies) },
      },
    ]
  },
}

const peopleOf = async (
  { parts, caller }: Visit,
  groupIds: readonly string[],
): Promise<{ list: Pick<ActorRow, 'id' | 'name'>[]; isCut: boolean }> => {
  const reader = parts.store.reader(caller.account.id)
  const memberships = await Promise.all(
    [...new Set(groupIds)].map((groupId) => reader.list('memberships', { where: { groupId }, limit: MAX_PEOPLE + 1 })),
  )
  const ids = [...new Set(memberships.flat().map(({ actorId }) => actorId))]
  const rows = await reader.getAll('actors', ids.slice(0, MAX_PEOPLE))
  return {
    list: [...rows.values()].toSorted((a, b) => a.name.localeCompare(b.name)),
    isCut: ids.length > MAX_PEOPLE,
  }
}

const reachRow = async ({ parts, caller, base }: Visit, row: ResourceRow, person: Pick<ActorRow, 'id' | 'name'>) => {
  const question = { accountId: caller.account.id, actorId: person.id, resourceId: row.id }
  const [judged] = (await parts.decisions.reachOf(question)).access
  const { state = 'none', why = 'no policy leads there', again } = judged ?? {}
  const kind = state === 'allowed' ? 'yes' : again === undefined ? 'no' : 'wait'
  return {
    key: person.id,
    head: link(person.name, `${base}/people/${person.id}`),
    cells: [mark(kind, state === 'allowed' ? 'allowed' : kind === 'wait' ? 'not now' : 'denied', why)],
    act: { text: 'Explain', about: person.name, url: `${base}/explain?actor=${person.id}&resource=${row.id}` },
  }
}
