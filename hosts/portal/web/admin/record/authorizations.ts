import type { AuthorizationRow } from '../page/api-rows.ts'
import type { Visit } from '../page/admin-parts.ts'
import { link, text, time } from '../page/cell.ts'
import { Problem } from '../../http/problem.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import type { ListDefinition } from '../list/list-definition.ts'
import { rowFilter } from '../list/list-parts.ts'

interface Names {
  person: string
  personId: string
  device: string
  resource: string
  gateway: string
}

/** The list of authorizations in force: who uses what through which gateway. */
export const authorizations: ListDefinition<AuthorizationRow, ReadonlyMap<string, Names>> = {
  path: '/authorizations',
  needs: 'authorizations:read',
  watches: ['authorizations'],
  title: 'Authorizations',
  words: { one: 'authorization', many: 'authorizations' },
  lead: 'What has been granted and is in force. A policy, a condition or the end of a sign-in takes it away by itself.',
  api: { path: '/authorizations' },
  empty: {
    title: 'Nothing is in use',
    text: 'An authorization appears when somebody’s client asks for a resource and a policy allows it.',
  },
  filters: [rowFilter('resource_id', 'Resource', 'resources')],
  sort: '-created_at',
  extra: async (visit, rows) => namesOf(visit, rows),
  head: {
    key: 'person',
    title: 'Person',
    details: 'Device',
    cell: ({ id }, { visit: { base }, extra }) => {
      const names = extra.get(id)
      return link(names?.person ?? '', `${base}/people/${names?.personId ?? ''}`, names?.device)
    },
  },
  columns: [
    {
      key: 'resource',
      title: 'Uses',
      sort: 'resource_name',
      cell: ({ id, resource_id: resourceId }, { visit: { base }, extra }) =>
        link(extra.get(id)?.resource ?? '', `${base}/resources/${resourceId}`),
    },
    {
      key: 'gateway',
      title: 'Through',
      sort: 'gateway_name',
      cell: ({ id, gateway_reason: reason }, { extra }) => ({ ...text(extra.get(id)?.gateway ?? ''), why: reason }),
    },
    { key: 'since', title: 'Since', sort: 'created_at', cell: ({ created_at: at }) => time(at) },
    {
      key: 'device',
      title: 'Device',
      sort: 'client_name',
      isHidden: true,
      cell: ({ id }, { extra }) => text(extra.get(id)?.device ?? ''),
    },
    { key: 'until', title: 'Until', sort: 'expires_at', cell: ({ expires_at: at }) => time(at, 'something changes') },
    { key: 'changed', title: 'Changed', sort: 'updated_at', isHidden: true, cell: ({ updated_at: at }) => time(at) },
  ],
  act: ({ id }, { visit, extra }) =>
    visit.may('authorizations:write')
      ? {
          text: 'End…',
          about: `the access of ${extra.get(id)?.person ?? ''}`,
          url: `${visit.base}/authorizations/${id}/end`,
        }
      : undefined,
  bulk: [{ text: 'End', path: '/authorizations/end-all', needs: 'authorizations:write', isHarm: true }],
}

const NAMELESS: Names = { person: '', personId: '', device: '', resource: '', gateway: '' }

type Joined = Pick<AuthorizationRow, 'id' | 'client_id' | 'resource_id' | 'gateway_id'>

const namesOf = async ({ parts, caller }: Visit, rows: readonly Joined[]): Promise<Map<string, Names>> => {
  const reader = parts.store.reader(caller.account.id)
  const [clients, resources, gateways] = [
    await reader.getAll(
      'clients',
      rows.map(({ client_id: id }) => id),
    ),
    await reader.getAll(
      'resources',
      rows.map(({ resource_id: id }) => id),
    ),
    await reader.getAll(
      'gateways',
      rows.map(({ gateway_id: id }) => id),
    ),
  ]
  const people = await reader.getAll(
    'actors',
    [...clients.values()].map(({ actorId }) => actorId),
  )
  return new Map(
    rows.map(({ id, client_id: clientId, resource_id: resourceId, gateway_id: gatewayId }) => {
      const client = clients.get(clientId)
      const person = people.get(client?.actorId ?? '')
      const names = {
        person: person?.name ?? '',
        personId: person?.id ?? '',
        device: client?.name ?? '',
        resource: resources.get(resourceId)?.name ?? '',
        gateway: gateways.get(gatewayId)?.name ?? '',
      }
      return [id, names]
    }),
  )
}

/** The page that asks before an authorization is ended. */
export const endAuthorization: FormDefinition<{ id: string } & Names> = {
  path: '/authorizations/:id/end',
  needs: 'authorizations:write',
  load: async (visit) => {
    const reader = visit.parts.store.reader(visit.caller.account.id)
    const row = await reader.get('authorizations', visit.ctx.params['id'] ?? '')
    if (row === undefined) throw new Problem(404, 'not_found', 'This authorization has ended already.')
    const { id, clientId: client_id, resourceId: resource_id, gatewayId: gateway_id } = row
    const names = (await namesOf(visit, [{ id, client_id, resource_id, gateway_id }])).get(id)
    return { row: { id, ...(names ?? NAMELESS) }, version: undefined }
  },
  title: ({ row }) => `End ${row.person}’s use of ${row.resource}?`,
  crumbs: ({ visit }) => [{ text: 'Authorizations', url: `${visit.base}/authorizations` }],
  lead: () => 'Its connections are cut. The policy stays: the next packet asks again, and is allowed again.',
  values: () => new FormValues({}),
  fields: () => [],
  call: ({ row }) => ({ method: 'DELETE', path: `/authorizations/${row.id}` }),
  done: () => '/authorizations',
  verb: () => 'End it',
  isHarm: true,
  leave: () => '/authorizations',
}
