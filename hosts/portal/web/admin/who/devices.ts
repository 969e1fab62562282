import type { ActorRow, ClientRow, GatewayRow } from '../page/api-rows.ts'
import type { Visit } from '../page/admin-parts.ts'
import { link, mark, text, time, type Cell } from '../page/cell.ts'
import { deletion } from '../form/deletion.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import { loadedRow } from '../form/load-row.ts'
import type { DetailDefinition } from '../detail/detail-page.ts'
import type { ListDefinition } from '../list/list-definition.ts'
import { rowFilter, timeColumns, wordFilter } from '../list/list-parts.ts'

interface Extra {
  people: ReadonlyMap<string, Pick<ActorRow, 'id' | 'name'>>
}

/** The list of devices, which are the clients that have signed in. */
export const devices: ListDefinition<ClientRow, Extra> = {
  path: '/devices',
  needs: 'clients:read',
  watches: ['clients', 'actors'],
  title: 'Devices',
  words: { one: 'device', many: 'devices' },
  lead: 'A device appears here when its client has signed in for the first time.',
  api: { path: '/clients' },
  empty: {
    title: 'No device yet',
    text: 'A device appears when somebody signs its client in: portreeve client sign-in.',
  },
  search: 'Name, person or address',
  filters: [
    rowFilter('group_id', 'Group', 'groups'),
    wordFilter('is_connected', 'Online', { true: 'online', false: 'offline' }),
    wordFilter('verified_at_is_null', 'Verified', { false: 'yes', true: 'no' }),
  ],
  sort: 'name',
  extra: async ({ parts, caller }, rows) => {
    const reader = parts.store.reader(caller.account.id)
    const ids = rows.map(({ actor_id: id }) => id)
    return { people: await reader.getAll('actors', ids) }
  },
  head: {
    key: 'name',
    title: 'Device',
    sort: 'name',
    cell: ({ id, name }, { visit: { base } }) => link(name, `${base}/devices/${id}`),
  },
  columns: [
    {
      key: 'person',
      title: 'Person',
      sort: 'actor_name',
      cell: ({ actor_id: id }, { extra, visit: { base } }) =>
        link(extra.people.get(id)?.name ?? '', `${base}/people/${id}`),
    },
    { key: 'online', title: 'Online', cell: (row) => onlineMark(row) },
    { key: 'path', title: 'Path', cell: (row) => worstPath(row) },
    { key: 'verified', title: 'Verified', sort: 'verified_at', cell: (row) => verifiedMark(row) },
    {
      key: 'version',
      title: 'Version',
      sort: 'last_seen_version',
      cell: ({ last_seen_version: version }) => text(version ?? ''),
    },
    { key: 'seen', title: 'Last connect', sort: 'last_seen_at', cell: ({ last_seen_at: at }) => time(at) },
    ...timeColumns(),
  ],
  bulk: [
    { text: 'Verify', path: '/devices/verify', needs: 'clients:write' },
    { text: 'Take verification back', path: '/devices/unverify', needs: 'clients:write' },
    { text: 'Delete', path: '/devices/delete', needs: 'clients:write', isHarm: true },
  ],
}

const onlineMark = ({ is_connected: isConnected }: ClientRow): Cell =>
  isConnected ? mark('yes', 'online') : mark('off', 'offline')

const verifiedMark = ({ is_verified: isVerified, verified_at: at, is_proven: isProven }: ClientRow): Cell => {
  if (isVerified) return mark('yes', 'verified')
  if (at !== null) return mark('no', 'not proven', 'It was verified, and does not prove to be that device.')
  return mark('off', 'no', isProven ? undefined : 'It has no device key.')
}

const PATHS: Readonly<Record<string, string>> = {
  direct: 'direct',
  nat: 'direct, through NAT',
  relayed: 'relayed',
  websocket: 'relayed by WebSocket',
  none: 'no path',
}

const pathCell = ({ kind, relay, not_direct: why, round_trip_ms: ms }: ClientRow['paths'][number]): Cell => {
  const words = `${PATHS[kind] ?? kind}${ms === null ? '' : `, ${ms.toFixed(1)} ms`}`
  const by = relay === null ? '' : `by ${relay}`
  const reason = [by, why === null ? '' : `not direct: ${why.said}`].filter((part) => part !== '').join('; ')
  if (kind === 'none') return mark('no', words)
  return kind === 'direct' || kind === 'nat' ? mark('yes', words) : mark('warn', words, reason)
}

const ORDER = ['none', 'websocket', 'relayed', 'nat', 'direct']

const worstPath = ({ paths }: ClientRow): Cell => {
  const [worst] = paths.toSorted((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind))
  return worst === undefined ? text('') : pathCell(worst)
}

const CRUMBS = ({ base }: Visit) => [{ text: 'Devices', url: `${base}/devices` }]

/** The page of one device: whose it is, whether it is verified, and how it reaches its gateways. */
export const device: DetailDefinition<ClientRow> = {
  path: '/devices/:id',
  needs: 'clients:read',
  watches: ['clients', 'actors', 'gateways'],
  load: async (visit) => (await loadedRow<ClientRow>('/clients')(visit)).row,
  title: ({ name }) => name,
  crumbs: CRUMBS,
  mark: (row) => onlineMark(row),
  acts: ({ id, is_verified: isVerified }) => [
    { text: 'Delete', path: `/devices/${id}/delete`, needs: 'clients:write', isHarm: true },
    isVerified
      ? { text: 'Take verification back', path: `/devices/${id}/unverify`, needs: 'clients:write' }
      : { text: 'Verify', path: `/devices/${id}/verify`, needs: 'clients:write', isMain: true },
  ],
  sections: async (row, visit) => {
    const { base, parts, caller } = visit
    const reader = parts.store.reader(caller.account.id)
    const person = await reader.get('actors', row.actor_id)
    const gateways = await Promise.all(row.paths.map(({ gateway_id: id }) => reader.get('gateways', id)))
    return [
      {
        key: 'facts',
        heading: 'What it is',
        facts: [
          { label: 'Person', cell: link(person?.name ?? '', `${base}/people/${row.actor_id}`) },
          { label: 'Verified', cell: verifiedMark(row) },
          { label: 'Device key', cell: { text: row.device_key ?? 'none', isCode: row.device_key !== null } },
          { label: 'Version', cell: text(row.last_seen_version ?? '') },
          { label: 'Last connect', cell: time(row.last_seen_at) },
          { label: 'Tunnel addresses', cell: { text: `${row.ipv4}, ${row.ipv6}`, isCode: true } },
        ],
      },
      {
        key: 'paths',
        heading: 'Paths',
        nothing: row.is_connected ? 'It uses no gateway at the moment.' : 'It is not connected.',
        table: {
          columns: [{ title: 'Gateway' }, { title: 'Path' }],
          rows: row.paths.map((path, at) => ({
            key: path.gateway_id,
            head: text((gateways[at] as Pick<GatewayRow, 'name'> | undefined)?.name ?? ''),
            cells: [pathCell(path)],
          })),
        },
      },
    ]
  },
}

/** Makes the page that verifies a device, or takes that back. */
const verification = (path: string, isVerified: boolean): FormDefinition<ClientRow> => ({
  path: `/devices/:id/${path}`,
  needs: 'clients:write',
  load: loadedRow('/clients'),
  title: ({ row }) => (isVerified ? `Verify ${row.name}?` : `Take the verification of ${row.name} back?`),
  crumbs: ({ visit }) => CRUMBS(visit),
  lead: ({ row }) =>
    isVerified
      ? `Compare the device key with what “portreeve client status” shows on the device: ${row.device_key ?? 'it has none'}.`
      : 'Conditions that ask for a verified device do not hold any more.',
  values: () => new FormValues({}),
  fields: () => [],
  call: ({ row }) => ({ method: 'PATCH', path: `/clients/${row.id}`, body: { is_verified: isVerified } }),
  done: ({ row }) => `/devices/${row.id}`,
  verb: () => (isVerified ? 'Verify' : 'Take it back'),
  isHarm: true,
  leave: ({ row }) => `/devices/${row.id}`,
})

export const verifyDevice = verification('verify', true)
export const unverifyDevice = verification('unverify', false)

/** The page that asks before a device is deleted. */
export const deleteDevice: FormDefinition<ClientRow> = deletion({
  path: '/devices',
  api: '/clients',
  needs: 'clients:write',
  list: 'Devices',
  lead: 'A device whose person is still signed in there comes back by itself, without its verification.',
})
