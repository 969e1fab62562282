import type { ActorRow } from '../page/api-rows.ts'
import type { Visit } from '../page/admin-parts.ts'
import { link, mark, text, time } from '../page/cell.ts'
import { loadedRow } from '../form/load-row.ts'
import type { DetailDefinition, Section } from '../detail/detail-page.ts'

/** Resources shown on a person's page. */
const MAX_RESOURCES = 200

/** The page of one person or service account: what it reaches now and why not, groups, devices, tokens. */
export const person: DetailDefinition<ActorRow> = {
  path: '/people/:id',
  needs: 'actors:read',
  watches: ['actors', 'groups', 'memberships', 'clients', 'tokens', 'policies', 'resources', 'identities'],
  load: async (visit) => (await loadedRow<ActorRow>('/actors')(visit)).row,
  title: ({ name }) => name,
  crumbs: ({ base }) => [{ text: 'People', url: `${base}/people` }],
  mark: ({ is_disabled: isDisabled, type }) =>
    isDisabled ? mark('off', 'disabled') : mark('yes', type.replace('_', ' ')),
  acts: ({ id }) => [
    { text: 'Delete', path: `/people/${id}/delete`, needs: 'actors:write', isHarm: true },
    { text: 'History', path: `/audit?entity_id=${id}`, needs: 'audit_log:read' },
    { text: 'Edit', path: `/people/${id}/edit`, needs: 'actors:write', isMain: true },
  ],
  sections: async (row, visit) => [
    await accessSection(row, visit),
    await groupsSection(row, visit),
    await devicesSection(row, visit),
    ...(visit.may('sessions:read') || visit.may('tokens:read') ? [await tokensSection(row, visit)] : []),
    {
      key: 'facts',
      heading: 'Facts',
      facts: [
        { label: 'E-mail address', cell: text(row.email ?? 'none') },
        { label: 'Created', cell: time(row.created_at) },
      ],
    },
  ],
}

const accessSection = async ({ id, name }: ActorRow, { parts, caller, base }: Visit): Promise<Section> => {
  const { access } = await parts.decisions.reachOf({ accountId: caller.account.id, actorId: id })
  return {
    key: 'access',
    heading: 'Reaches',
    aside: text(`${access.filter(({ state }) => state === 'allowed').length} of ${access.length} now`),
    nothing: 'No policy leads from a group of this person to anything.',
    table: {
      columns: [{ title: 'Resource' }, { title: 'Now' }],
      rows: access.slice(0, MAX_RESOURCES).map(({ resource, state, again, why }) => ({
        key: resource.id,
        head: link(resource.name, `${base}/resources/${resource.id}`, resource.address ?? 'the Internet'),
        cells: [
          state === 'allowed'
            ? mark('yes', 'allowed', why)
            : mark(again === undefined ? 'no' : 'wait', again === undefined ? 'denied' : 'not now', why),
        ],
        act: {
          text: 'Explain',
          about: `${name}, ${resource.name}`,
          url: `${base}/explain?actor=${id}&resource=${resource.id}`,
        },
      })),
    },
  }
}

const groupsSection = async ({ id }: ActorRow, { parts, caller, base }: Visit): Promise<Section> => {
  const reader = parts.store.reader(caller.account.id)
  const memberships = await reader.list('memberships', { where: { actorId: id } })
  const groups = await reader.getAll(
    'groups',
    memberships.map(({ groupId }) => groupId),
  )
  return {
    key: 'groups',
    heading: 'Groups',
    nothing: 'In no group: no policy is for this person.',
    table: {
      columns: [{ title: 'Group' }],
      rows: [...groups.values()]
        .toSorted((a, b) => a.name.localeCompare(b.name))
        .map((group) => ({ key: group.id, head: link(group.name, `${base}/groups/${group.id}`), cells: [] })),
    },
  }
}

const devicesSection = async ({ id }: ActorRow, { parts, caller, base }: Visit): Promise<Section> => {
  const clients = await parts.store.reader(caller.account.id).list('clients', { where: { actorId: id } })
  return {
    key: 'devices',
    heading: 'Devices',
    nothing: 'No client has signed in yet.',
    table: {
      columns: [{ title: 'Device' }, { title: 'Online' }, { title: 'Version' }],
      rows: clients.map(({ id: clientId, name, lastSeenVersion }) => ({
        key: clientId,
        head: link(name, `${base}/devices/${clientId}`),
        cells: [
          parts.isConnected(clientId) ? mark('yes', 'online') : mark('off', 'offline'),
          text(lastSeenVersion ?? ''),
        ],
      })),
    },
  }
}

const tokensSection = async ({ id }: ActorRow, { parts, caller, base, may }: Visit): Promise<Section> => {
  const now = parts.clock.unix()
  const tokens = (await parts.store.reader(caller.account.id).list('tokens', { where: { actorId: id } })).filter(
    ({ expiresAt, kind }) => (expiresAt === null || expiresAt > now) && (kind === 'client' || may('tokens:read')),
  )
  return {
    key: 'tokens',
    heading: 'Sign-ins and tokens',
    nothing: 'No sign-in is in force.',
    table: {
      columns: [{ title: 'Name' }, { title: 'Kind' }, { title: 'Last used' }, { title: 'Ends' }],
      rows: tokens.map(({ id: tokenId, name, kind, lastUsedAt, expiresAt }) => ({
        key: tokenId,
        head: text(name),
        cells: [
          text(kind === 'client' ? 'client' : 'API'),
          time(lastUsedAt === null ? null : new Date(lastUsedAt).toISOString()),
          time(expiresAt === null ? null : new Date(expiresAt).toISOString(), 'when revoked'),
        ],
        ...(kind === 'client' && may('sessions:write')
          ? { act: { text: 'End…', about: name, url: `${base}/sign-ins/${tokenId}/end` } }
          : kind === 'api' && may('tokens:write')
            ? { act: { text: 'Revoke…', about: name, url: `${base}/tokens/${tokenId}/delete` } }
            : {}),
      })),
    },
  }
}
