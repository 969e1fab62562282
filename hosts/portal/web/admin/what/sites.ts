import type { GatewayRow, Rows, SiteRow } from '../page/api-rows.ts'
import type { Visit } from '../page/admin-parts.ts'
import { link, mark, text, time, type Cell } from '../page/cell.ts'
import { resourceRows, RESOURCE_COLUMNS } from '../page/resource-rows.ts'
import { loadedRow } from '../form/load-row.ts'
import type { DetailDefinition } from '../detail/detail-page.ts'
import type { ListDefinition } from '../list/list-definition.ts'
import { timeColumns } from '../list/list-parts.ts'

interface Extra {
  gateways: ReadonlyMap<string, readonly GatewayRow[]>
  resources: ReadonlyMap<string, number>
}

/** The list of sites. */
export const sites: ListDefinition<SiteRow, Extra> = {
  path: '/sites',
  needs: 'sites:read',
  watches: ['sites', 'gateways', 'resources'],
  title: 'Sites',
  words: { one: 'site', many: 'sites' },
  lead: 'A site is a place with machines to reach. Its gateways call the portal; no port needs to be opened.',
  api: { path: '/sites' },
  add: { text: 'Add a site', path: '/sites/new', needs: 'sites:write' },
  empty: {
    title: 'No site yet',
    text: 'A site is a place with machines to reach: an office, a cloud network. A gateway runs there and calls the portal; no port needs to be opened.',
    steps: ['Name the site', 'Run one command on a machine there', 'Add what is to be reached, and who may'],
  },
  search: 'Name',
  filters: [],
  sort: 'name',
  extra: async (visit, rows) => {
    const reader = visit.parts.store.reader(visit.caller.account.id)
    const gateways = await gatewaysBySite(visit)
    const ids = rows.map(({ id }) => id)
    return { gateways, resources: await reader.countBy('resources', 'siteId', ids) }
  },
  head: {
    key: 'name',
    title: 'Site',
    sort: 'name',
    cell: ({ id, name }, { visit: { base } }) => link(name, `${base}/sites/${id}`),
  },
  columns: [
    { key: 'gateways', title: 'Gateways', cell: ({ id }, { extra }) => gatewaysMark(extra.gateways.get(id) ?? []) },
    {
      key: 'resources',
      title: 'Resources',
      isNumeric: true,
      cell: ({ id }, { extra }) => text(extra.resources.get(id) ?? 0),
    },
    { key: 'selector', title: 'Chooses', sort: 'selector', cell: ({ selector }) => text(selector) },
    ...timeColumns(),
  ],
  bulk: [{ text: 'Delete', path: '/sites/delete', needs: 'sites:write', isHarm: true }],
}

const gatewaysBySite = async (visit: Visit): Promise<ReadonlyMap<string, readonly GatewayRow[]>> => {
  const all = await allGateways(visit)
  return new Map(
    [...new Set(all.map(({ site_id: id }) => id))].map((id) => [id, all.filter((row) => row.site_id === id)]),
  )
}

const allGateways = async (visit: Visit): Promise<GatewayRow[]> => {
  const rows: GatewayRow[] = []
  let cursor: string | null = null
  do {
    const page: Rows<GatewayRow> = await visit.get('/gateways', {
      limit: '100',
      ...(cursor === null ? {} : { cursor }),
    })
    rows.push(...page.data)
    cursor = page.next_cursor
  } while (cursor !== null)
  return rows
}

/** Marks how many gateways of a site are connected. */
export const gatewaysMark = (gateways: readonly GatewayRow[]): Cell => {
  const there = gateways.filter(
    ({ is_connected: isConnected, problems }) => isConnected && problems.length === 0,
  ).length
  if (gateways.length === 0) return mark('off', 'no gateway yet', 'nothing there can be reached')
  if (there === 0) return mark('no', `0 of ${gateways.length}`, 'nothing there can be reached')
  return mark(there < gateways.length ? 'warn' : 'yes', `${there} of ${gateways.length}`)
}

const CRUMBS = ({ base }: Visit) => [{ text: 'Sites', url: `${base}/sites` }]

interface SiteWithGateways extends SiteRow {
  gateways: readonly GatewayRow[]
}

/** The page of one site: its gateways and how they are reached, and what they serve. */
export const site: DetailDefinition<SiteWithGateways> = {
  path: '/sites/:id',
  needs: 'sites:read',
  watches: ['sites', 'gateways', 'resources', 'policies'],
  load: async (visit) => {
    const { row } = await loadedRow<SiteRow>('/sites')(visit)
    return { ...row, gateways: (await allGateways(visit)).filter(({ site_id: siteId }) => siteId === row.id) }
  },
  title: ({ name }) => name,
  crumbs: CRUMBS,
  mark: ({ gateways }) => {
    const { text: counts = '', ...cell } = gatewaysMark(gateways)
    return { ...cell, text: gateways.length === 0 ? counts : `${counts} gateways` }
  },
  lead: ({ selector }) => `Which gateway serves a client is chosen by “${selector}”.`,
  acts: ({ id }) => [
    { text: 'Delete', path: `/sites/${id}/delete`, needs: 'sites:write', isHarm: true },
    { text: 'Edit', path: `/sites/${id}/edit`, needs: 'sites:write' },
    { text: 'Deploy a gateway', path: `/sites/${id}/deploy`, needs: 'tokens:write', isMain: true },
  ],
  sections: async ({ id, gateways }, visit) => {
    const resources = await visit.parts.store
      .reader(visit.caller.account.id)
      .list('resources', { where: { siteId: id } })
    const mayWrite = visit.may('gateways:write')
    return [
      {
        key: 'gateways',
        heading: 'Gateways',
        nothing: 'No gateway has come yet: nothing here can be reached. Deploy one.',
        table: {
          columns: [
            { title: 'Gateway' },
            { title: 'Health' },
            { title: 'Load' },
            { title: 'Paths of its clients' },
            { title: 'Version' },
            { title: 'Last connect' },
          ],
          rows: gateways.map((row) => ({
            key: row.id,
            head: { text: row.name, why: row.ipv4, ...(row.is_ephemeral ? { badges: [{ text: 'ephemeral' }] } : {}) },
            cells: [
              healthMark(row),
              loadCell(row),
              pathsCell(row),
              text(row.last_seen_version ?? ''),
              time(row.last_seen_at),
            ],
            ...(mayWrite
              ? { act: { text: 'Delete…', about: row.name, url: `${visit.base}/gateways/${row.id}/delete` } }
              : {}),
          })),
        },
      },
      {
        key: 'resources',
        heading: 'Resources',
        nothing: 'Nothing here can be asked for yet. Add a resource.',
        ...(visit.may('resources:write')
          ? { acts: [{ text: 'Add a resource', url: `${visit.base}/resources/new?site_id=${id}` }] }
          : {}),
        table: { columns: RESOURCE_COLUMNS, rows: await resourceRows(visit, resources) },
      },
    ]
  },
}

const healthMark = ({ is_connected: isConnected, last_seen_at: at, problems }: GatewayRow): Cell => {
  if (!isConnected) return mark('off', 'offline', at === null ? 'never came' : undefined)
  if (problems.length === 0) return mark('yes', 'connected')
  return mark('no', 'does not forward', `No client is given it: ${problems.map(({ said }) => said).join('; ')}.`)
}

/** Shares of a machine's processors from which on a gateway is marked. */
const BUSY = 0.85

const UNITS = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'] as const

/** Writes a rate of bytes as people speak of networks: 1,250,000 bytes a second are 10 Mbit/s. */
const rateText = (bytesPerSecond: number): string => {
  const bits = bytesPerSecond * 8
  const unit = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bits, 1)) / 3)))
  const value = bits / 1_000 ** unit
  return `${value.toFixed(value < 10 && unit > 0 ? 1 : 0)} ${UNITS[unit] ?? ''}`
}

/** Shows the load of a gateway's machine as it last reported it. */
const loadCell = ({ load }: GatewayRow): Cell => {
  if (load === null) return text('')
  const { processor_share: share, bytes_per_second: rate, reported_at: at } = load
  const words = [
    share === null ? '' : `${Math.round(share * 100)} % of its processors`,
    rate === null ? '' : rateText(rate),
  ]
    .filter((part) => part !== '')
    .join(', ')
  return share !== null && share >= BUSY
    ? mark('warn', words, `as of ${at.slice(11, 19)} UTC`)
    : { ...text(words), why: `as of ${at.slice(11, 19)} UTC` }
}

const KINDS: Readonly<Record<string, string>> = {
  direct: 'direct',
  nat: 'through NAT',
  relayed: 'relayed',
  websocket: 'by WebSocket',
  none: 'without a path',
}

/** Counts a gateway's clients by the kinds of their paths; those that take a relay or have none are marked. */
const pathsCell = ({ paths, is_connected: isConnected }: GatewayRow): Cell => {
  const counted = Object.entries(paths).filter(([, count]) => count > 0)
  if (!isConnected || counted.length === 0) return text(isConnected ? 'no client yet' : '')
  const words = counted.map(([kind, count]) => `${count} ${KINDS[kind] ?? kind}`).join(', ')
  const isIndirect = counted.some(([kind]) => !['direct', 'nat'].includes(kind))
  return isIndirect ? mark('warn', words, 'The page of a device says why it is not direct.') : mark('yes', words)
}
