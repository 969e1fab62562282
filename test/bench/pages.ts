// Answer times of the pages for admins, in an account with 10,000 devices, 1,000 resources and 10,000 policies. The portal
// is a process of its own, on SQLite.
import { join } from 'node:path'
import { loadavg } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { SITE_MAP } from '../../hosts/portal/web/admin/page/site-map.ts'
import { AdminVisitor } from '../kit/admin-visitor.ts'
import { PortalProcess } from '../kit/portal-process.ts'
import { wholeProcessorMs } from './control/process-cost.ts'
import { percentile, type Figure } from './figure.ts'
import { writeOrganisation, type Organisation } from './pages/organisation.ts'

/** Requests of each page that warm the portal up, and those that are measured. */
const WARM = 8
const RUNS = 20
/** Time for the requests of one page, and after which no further page is begun: the table says what is missing. */
const MOST_MS_OF_A_PAGE = 5_000
const MOST_MS = 4 * 60_000
const STREAMS = 20
const STREAM_SECONDS = 30
const GOAL = 'under 50'

export const benchPages = async (): Promise<Figure[]> => {
  const portal = await PortalProcess.configure({
    log_level: 'warn',
    rate_limit: { burst: 100_000, per_second: 100_000 },
    plugins: ['identity-oidc', 'condition-remote-ip', 'condition-time-window', 'selector-random'].map((name) => ({
      use: `builtin:${name}`,
    })),
  })
  try {
    const { account, admin } = await portal.init()
    const ids = await writeOrganisation(join(portal.folder, 'state'), account.id)
    await portal.start()
    const visitor = await AdminVisitor.signIn({
      url: portal.url,
      account: { slug: 'example' },
      admin,
      makeEmergencyCode: async ({ adminId }) => {
        const made = await portal.runHere('emergency-code', '--account', 'example', '--admin-id', adminId, '--json')
        return JSON.parse(made.printed) as { code: string }
      },
    })
    const measured = await measurePages(visitor, { pid: portal.pid, pages: await pagesOf(visitor, ids) })
    return [...measured, ...(await idleStreams(visitor, portal.pid))]
  } finally {
    await portal.remove()
  }
}

/** Returns the addresses of all pages below `/admin`, by what they show. */
const pagesOf = async (visitor: AdminVisitor, ids: Organisation): Promise<Record<string, string>> => {
  const all = SITE_MAP.flatMap(({ entries }) => entries.map(({ text, path }) => [text.toLowerCase(), path] as const))
  const middle: (readonly [string, string])[] = []
  for (const name of ['people', 'devices', 'resources', 'policies'])
    middle.push([`${name}, a middle page`, await middlePage(visitor, `/${name}`)])
  return {
    ...Object.fromEntries([...all, ...middle]),
    'people, searched': '/people?q=person+19',
    'people of a group': `/people?group_id=${ids.group}`,
    'devices, searched': '/devices?q=device+77',
    'devices of people found by name': '/devices?q=person+19',
    'devices, by last seen': '/devices?sort=-last_seen_at',
    'resources of a site': `/resources?site_id=${ids.site}`,
    'resources for a group': `/resources?group_id=${ids.group}`,
    'policies of a group': `/policies?group_id=${ids.group}`,
    'policies, searched': '/policies?q=service+19',
    'policies, by group': '/policies?sort=group_name',
    'policies, 100 rows': '/policies?limit=100',
    'one person': `/people/${ids.person}`,
    'one group': `/groups/${ids.group}`,
    'one device': `/devices/${ids.device}`,
    'one site': `/sites/${ids.site}`,
    'one resource': `/resources/${ids.resource}`,
    'a new policy': '/policies/new',
    'one policy': `/policies/${ids.policy}/edit`,
    'members of a group': `/groups/${ids.group}/members`,
    'a new resource': '/resources/new',
    'explain, answered': `/explain?actor=${ids.person}&resource=${ids.resource}`,
    'graph of a small group': `/graph?about=${ids.smallGroup}`,
    'graph of a person': `/graph?about=${ids.person}`,
    'graph of a resource': `/graph?about=${ids.resource}`,
    'found by a name': '/find?q=service+19',
    'decisions in the audit trail': '/audit?kind=decision',
  }
}

/** Turns so many pages of a list with 100 rows each. */
const TURNED = 4

const middlePage = async (visitor: AdminVisitor, path: string): Promise<string> => {
  let address = `${path}?limit=100`
  for (let turned = 0; turned < TURNED; turned++) {
    const { text } = await visitor.open(address)
    const after = /href="\?[^"]*after=([^"&]+)[^"]*"[^>]*>\s*Next/.exec(text)?.[1]
    if (after === undefined) throw new Error(`${address} has no next page`)
    address = `${path}?limit=100&after=${after}`
  }
  return address.replace('limit=100&', '')
}

const measurePages = async (
  visitor: AdminVisitor,
  { pid, pages }: { pid: number; pages: Readonly<Record<string, string>> },
): Promise<Figure[]> => {
  const end = performance.now() + MOST_MS
  const figures: Figure[] = []
  for (const [name, path] of Object.entries(pages)) {
    if (performance.now() > end) {
      process.stderr.write(`${name}: not measured, time is up\n`)
      continue
    }
    const visit = async (): Promise<number> => {
      const began = performance.now()
      const { status } = await visitor.open(path)
      if (status !== 200) throw new Error(`${path}: ${status}`)
      return performance.now() - began
    }
    const endOfPage = performance.now() + MOST_MS_OF_A_PAGE
    for (let run = 0; run < WARM && performance.now() < endOfPage; run++) await visit()
    const before = wholeProcessorMs(pid)
    const taken = [await visit()]
    while (taken.length < RUNS && performance.now() < endOfPage) taken.push(await visit())
    const processor = (wholeProcessorMs(pid) - before) / taken.length
    const [p50, p95, most] = [percentile(taken, 0.5), percentile(taken, 0.95), Math.max(...taken)]
    process.stderr.write(
      `${name.padEnd(32)} p50 ${shown(p50)}  p95 ${shown(p95)}  max ${shown(most)}  processor ${shown(processor)} ms; load ${loadavg()[0]?.toFixed(1) ?? ''}\n`,
    )
    figures.push(
      { name: `page ${name}, p50`, value: p50, unit: 'ms' },
      { name: `page ${name}, p95`, value: p95, unit: 'ms', goal: GOAL },
      { name: `page ${name}, max`, value: most, unit: 'ms' },
      { name: `page ${name}, processor`, value: processor, unit: 'ms' },
    )
  }
  return figures
}

const shown = (ms: number): string => ms.toFixed(1).padStart(7)

/** Measures the portal's processor time with open streams while nothing changes, and without any. */
const idleStreams = async (visitor: AdminVisitor, pid: number): Promise<Figure[]> => {
  const spent = async (): Promise<number> => {
    await pause(2_000)
    const before = wholeProcessorMs(pid)
    await pause(STREAM_SECONDS * 1_000)
    return (wholeProcessorMs(pid) - before) / 1_000
  }
  const without = await spent()
  for (let count = 0; count < STREAMS; count++) await (await visitor.openStream('/people'))('event: beat')
  const within = `in ${STREAM_SECONDS} s without a change`
  const figures = [
    { name: `processor ${within}, no stream`, value: without, unit: 's' },
    { name: `processor ${within}, ${STREAMS} streams`, value: await spent(), unit: 's' },
  ]
  for (const { name, value } of figures) process.stderr.write(`${name}: ${value.toFixed(2)} s\n`)
  return figures
}
