import type { ActorRow } from '../page/api-rows.ts'
import { link, mark, text, type Cell } from '../page/cell.ts'
import { ROLES } from '../../../identity/permissions.ts'
import type { Visit } from '../page/admin-parts.ts'
import type { ListDefinition } from '../list/list-definition.ts'
import { rowFilter, timeColumns, wordFilter } from '../list/list-parts.ts'

/** Facts about people that the list shows besides their rows, by their ids. */
interface Extra {
  groups: ReadonlyMap<string, readonly string[]>
  devices: ReadonlyMap<string, number>
  reach: ReadonlyMap<string, Cell>
}

/** Words for whether a person or a service account may sign in, by the API's `is_disabled`. */
export const STANDING = { false: 'enabled', true: 'disabled' } as const

/** The list of people. */
export const people: ListDefinition<ActorRow, Extra> = {
  path: '/people',
  needs: 'actors:read',
  watches: ['actors', 'memberships', 'groups', 'clients', 'policies', 'resources'],
  title: 'People',
  words: { one: 'person', many: 'people' },
  api: { path: '/actors', query: { type: `user,${ROLES.join(',')}` } },
  add: { text: 'Add a person', path: '/people/new', needs: 'actors:write' },
  empty: { title: 'No people yet', text: 'Add a person, or connect a directory under Identity providers.' },
  search: 'Name or e-mail address',
  filters: [
    rowFilter('group_id', 'Group', 'groups'),
    wordFilter('type', 'Role', Object.fromEntries(['user', ...ROLES].map((role) => [role, role]))),
    wordFilter('is_disabled', 'Standing', STANDING),
  ],
  sort: 'name',
  extra: async (visit, rows) => ({
    groups: await groupNames(visit, rows),
    devices: await deviceCounts(visit, rows),
    reach: await reachOf(visit, rows),
  }),
  head: {
    key: 'name',
    title: 'Person',
    details: 'E-mail address',
    sort: 'name',
    cell: ({ id, name, email }, { visit: { base, session } }) => ({
      ...link(name, `${base}/people/${id}`, email ?? undefined),
      ...(id === session.actor.id ? { badges: [{ text: 'you', isNew: true }] } : {}),
    }),
  },
  columns: [
    {
      key: 'email',
      title: 'E-mail address',
      sort: 'email',
      isHidden: true,
      cell: ({ email }) => text(email ?? ''),
    },
    { key: 'role', title: 'Role', sort: 'type', cell: ({ type }) => text(type) },
    {
      key: 'groups',
      title: 'Groups',
      cell: ({ id }, { extra }) => text(shortList(extra.groups.get(id) ?? [])),
    },
    {
      key: 'devices',
      title: 'Devices',
      isNumeric: true,
      cell: ({ id }, { extra }) => text(extra.devices.get(id) ?? 0),
    },
    { key: 'reach', title: 'Reaches now', cell: ({ id }, { extra }) => extra.reach.get(id) ?? text('') },
    {
      key: 'standing',
      title: 'Standing',
      sort: 'is_disabled',
      cell: ({ is_disabled: isDisabled }) => (isDisabled ? mark('off', 'disabled') : mark('yes', 'enabled')),
    },
    ...timeColumns(),
  ],
  act: ({ id, name }, { visit: { base } }) => ({
    text: 'Explain',
    about: `the access of ${name}`,
    url: `${base}/explain?actor=${id}`,
  }),
  bulk: [
    { text: 'Add to a group', path: '/people/add-to-group', needs: 'groups:write' },
    { text: 'Take from a group', path: '/people/take-from-group', needs: 'groups:write' },
    { text: 'End sessions', path: '/people/end-sessions', needs: 'sessions:write' },
    { text: 'Enable', path: '/people/enable', needs: 'actors:write' },
    { text: 'Disable', path: '/people/disable', needs: 'actors:write', isHarm: true },
    { text: 'Delete', path: '/people/delete', needs: 'actors:write', isHarm: true },
  ],
}

/** Names the first two of a list, and counts the others. */
export const shortList = (names: readonly string[]): string =>
  names.length > 3 ? `${names.slice(0, 2).join(', ')}, ${names.length - 2} more` : names.join(', ')

const groupNames = async ({ parts, caller }: Visit, rows: readonly ActorRow[]): Promise<Extra['groups']> => {
  const reader = parts.store.reader(caller.account.id)
  const ids = rows.map(({ id }) => id)
  const memberships = await reader.listBy('memberships', 'actorId', ids)
  const groups = await reader.getAll(
    'groups',
    memberships.map(({ groupId }) => groupId),
  )
  const names = new Map(ids.map((id) => [id, [] as string[]]))
  for (const { actorId, groupId } of memberships) names.get(actorId)?.push(groups.get(groupId)?.name ?? '')
  return new Map([...names].map(([id, own]) => [id, own.toSorted((a, b) => a.localeCompare(b))]))
}

const deviceCounts = async ({ parts, caller }: Visit, rows: readonly ActorRow[]): Promise<Extra['devices']> => {
  const ids = rows.map(({ id }) => id)
  return parts.store.reader(caller.account.id).countBy('clients', 'actorId', ids)
}

/** Resources whose access is judged for each person of a list; the page of the person judges all. */
const MOST_JUDGED = 20

/** Counts what each person reaches now, of what exists for that person, with the first reason for what is missing. */
const reachOf = async ({ parts, caller }: Visit, rows: readonly ActorRow[]): Promise<Extra['reach']> => {
  const pairs = rows.map(async ({ id, is_disabled: isDisabled }) => {
    const question = { accountId: caller.account.id, actorId: id, most: MOST_JUDGED }
    const { access, total } = await parts.decisions.reachOf(question)
    const open = access.filter(({ state }) => state === 'allowed').length
    const counts =
      total > access.length ? `${open} of ${access.length} looked at, ${total} in all` : `${open} of ${total}`
    if (isDisabled) return [id, mark('off', counts, 'the person is disabled')] as const
    const closed = access.find(({ state }) => state !== 'allowed')
    if (closed === undefined)
      return [id, access.length === 0 ? mark('off', 'nothing yet') : mark('yes', counts)] as const
    const why = `${closed.resource.name}: ${closed.why}`
    return [id, mark(closed.again === undefined ? 'no' : 'wait', counts, why)] as const
  })
  return new Map(await Promise.all(pairs))
}
