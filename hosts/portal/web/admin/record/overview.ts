import type { ActorRow, Rows } from '../page/api-rows.ts'
import type { AdminPage, LivePart, Visit } from '../page/admin-parts.ts'
import type { MarkKind } from '../page/cell.ts'
import { DAY, HOUR, unixTime } from '../../../../../core/runtime/time.ts'

/** Something that an admin should look at, with one act. */
interface Task {
  kind: MarkKind
  what: string
  why: string
  act: { text: string; url: string } | undefined
}

const MAX_TASKS = 20
/** Time before its end at which a token is named. */
const EXPIRING_MS = 7 * DAY
/** Denials in an hour from which on they are named, if they are also three times as many as in the hours before. */
const SPIKE = 20

/** The first page: what there is, what needs attention, worst first, and how many are denied. */
export const overviewPage: AdminPage = {
  path: '',
  needs: 'actors:read',
  watches: [
    'actors',
    'groups',
    'clients',
    'sites',
    'gateways',
    'resources',
    'policies',
    'tokens',
    'identity_providers',
  ],
  view: async (visit) => {
    const counts = await countsOf(visit)
    const isNew = counts.some(({ path, total }) => path === '/sites' && total === 0)
    const denials = visit.may('audit_log:read') ? await denialsOf(visit) : undefined
    const tasks = await tasksOf(visit, denials)
    const live: LivePart[] = [
      { id: 'counts', template: 'overview-counts', data: { counts } },
      { id: 'tasks', template: 'overview-tasks', data: { tasks: tasks.slice(0, MAX_TASKS), isNew } },
      ...(denials === undefined
        ? []
        : [{ id: 'denials', template: 'overview-denials', data: { ...denials, base: visit.base } }]),
    ]
    return { template: 'overview', title: 'Overview', live, data: { hasDenials: denials !== undefined } }
  },
}

const COUNTED = [
  { text: 'people', path: '/people', api: '/actors', needs: 'actors:read' },
  { text: 'groups', path: '/groups', api: '/groups', needs: 'groups:read' },
  { text: 'devices', path: '/devices', api: '/clients', needs: 'clients:read' },
  { text: 'sites', path: '/sites', api: '/sites', needs: 'sites:read' },
  { text: 'resources', path: '/resources', api: '/resources', needs: 'resources:read' },
  { text: 'policies', path: '/policies', api: '/policies', needs: 'policies:read' },
] as const

const countsOf = async (visit: Visit) =>
  Promise.all(
    COUNTED.filter(({ needs }) => visit.may(needs)).map(async ({ text, path, api }) => {
      const { total, total_is_exact: isExact } = await visit.get<
        Rows<ActorRow> & { total: number; total_is_exact: boolean }
      >(api, { limit: '1' })
      return {
        text,
        path,
        url: `${visit.base}${path}`,
        total,
        shown: isExact ? total.toLocaleString('en') : `>${total}`,
      }
    }),
  )

const tasksOf = async (visit: Visit, denials: Denials | undefined): Promise<Task[]> => {
  const { may } = visit
  const found = [
    ...(may('sites:read') && may('gateways:read') ? await siteTasks(visit) : []),
    ...(may('tokens:read') ? await tokenTasks(visit) : []),
    ...(may('resources:read') && may('policies:read') ? await resourceTasks(visit) : []),
    ...(may('identity_providers:read') ? await providerTasks(visit) : []),
    ...(denials?.isSpike === true
      ? [
          {
            kind: 'warn' as const,
            what: `${denials.lastHour} requests were denied in the last hour`,
            why: 'That is far more than in the hours before.',
            act: { text: 'Look', url: `${visit.base}/audit?kind=decision&days=1` },
          },
        ]
      : []),
  ]
  const order: readonly MarkKind[] = ['no', 'warn', 'wait', 'off']
  return found.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))
}

const siteTasks = async (visit: Visit): Promise<Task[]> => {
  const reader = visit.parts.store.reader(visit.caller.account.id)
  const sites = await reader.list('sites')
  const gateways = await reader.list('gateways')
  return sites.flatMap((site): Task[] => {
    const own = gateways.filter(({ siteId }) => siteId === site.id)
    const there = own.filter(({ id }) => visit.parts.isConnected(id))
    const url = `${visit.base}/sites/${site.id}`
    if (own.length === 0)
      return [
        {
          kind: 'wait',
          what: `${site.name} has no gateway`,
          why: 'Nothing there can be reached.',
          act: visit.may('tokens:write') ? { text: 'Deploy a gateway', url: `${url}/deploy` } : { text: 'Look', url },
        },
      ]
    if (there.length === 0)
      return [
        {
          kind: 'no',
          what: `No gateway of ${site.name} is connected`,
          why: `Nothing there can be reached. ${own.length === 1 ? 'Its gateway is' : `All ${own.length} are`} offline.`,
          act: { text: 'Look', url },
        },
      ]
    const gone = own.length - there.length
    return gone === 0
      ? []
      : [
          {
            kind: 'warn',
            what: `${gone} of ${own.length} gateways of ${site.name} ${gone === 1 ? 'is' : 'are'} offline`,
            why: 'The others carry their clients.',
            act: { text: 'Look', url },
          },
        ]
  })
}

const tokenTasks = async ({ parts, caller, base }: Visit): Promise<Task[]> => {
  const reader = parts.store.reader(caller.account.id)
  const now = parts.clock.unix()
  const ending = await reader.find('tokens', {
    tests: [
      { column: 'kind', in: ['api', 'gateway', 'relay'] },
      { column: 'expiresAt', from: now, before: unixTime(now + EXPIRING_MS) },
    ],
    limit: MAX_TASKS,
  })
  return ending.rows.map(({ name, kind, expiresAt }) => ({
    kind: 'warn',
    what: `The ${kind === 'api' ? 'API' : kind} token ${name} ends in ${daysText((expiresAt ?? now) - now)}`,
    why: 'Whatever uses it is refused from then on.',
    act: { text: 'Look', url: `${base}/tokens` },
  }))
}

const daysText = (ms: number): string =>
  ms < DAY ? `${Math.max(1, Math.round(ms / HOUR))} h` : `${Math.round(ms / DAY)} days`

const resourceTasks = async ({ parts, caller, base, may }: Visit): Promise<Task[]> => {
  const reader = parts.store.reader(caller.account.id)
  const tests = [{ without: { name: 'policies', by: 'resourceId', where: { isDisabled: false } } }] as const
  const [
    {
      rows: [first],
    },
    { total },
  ] = [await reader.find('resources', { tests, limit: 1 }), await reader.count('resources', { tests })]
  if (first === undefined) return []
  return [
    {
      kind: 'wait',
      what: total === 1 ? `Nobody reaches ${first.name}` : `Nobody reaches ${total.toLocaleString('en')} resources`,
      why: 'No enabled policy is on them.',
      act:
        total === 1 && may('policies:write')
          ? { text: 'Add a policy', url: `${base}/policies/new?resource_id=${first.id}` }
          : { text: 'Look', url: `${base}/resources` },
    },
  ]
}

const providerTasks = async ({ parts, caller, base }: Visit): Promise<Task[]> => {
  const providers = await parts.store.reader(caller.account.id).list('identity_providers')
  if (providers.some(({ isDisabled }) => !isDisabled)) return []
  return [
    {
      kind: 'no',
      what: 'No identity provider is enabled',
      why: 'People can sign in by an emergency code only.',
      act: { text: 'Look', url: `${base}/providers` },
    },
  ]
}

interface Denials {
  /** Denied requests of each of the last 24 hours, the oldest first, and the height of its bar from 0 to 100. */
  hours: readonly { count: number; height: number; isMuch: boolean; label: string; x: number }[]
  lastHour: number
  total: number
  isSpike: boolean
}

const BAR_WIDTH = 12

const denialsOf = async ({ parts, caller }: Visit): Promise<Denials> => {
  const now = parts.clock.unix()
  const since = unixTime(now - 24 * HOUR)
  const counted = await parts.store.auditPerPeriod(
    caller.account.id,
    { kind: 'decision', action: 'denied', since },
    { since, length: HOUR },
  )
  const counts = Array.from({ length: 24 }, (_, hour) => counted.get(hour) ?? 0)
  const most = Math.max(1, ...counts)
  const lastHour = counts[23] ?? 0
  const usual = counts.slice(0, 23).reduce((sum, count) => sum + count, 0) / 23
  const isSpike = lastHour >= SPIKE && lastHour > 3 * usual
  return {
    hours: counts.map((count, hour) => ({
      count,
      height: Math.round((count / most) * 100),
      isMuch: hour === 23 && isSpike,
      label: hour === 23 ? 'this hour' : `${23 - hour} h ago`,
      x: hour * BAR_WIDTH,
    })),
    lastHour,
    total: counts.reduce((sum, count) => sum + count, 0),
    isSpike,
  }
}
