import type { Readable } from 'node:stream'
import type { AdminDownload, AdminPage, LivePart, Visit } from '../page/admin-parts.ts'
import { DAY, unixTime } from '../../../../../core/runtime/time.ts'
import { PERMISSIONS } from '../../../identity/permissions.ts'
import { KINDS, namesOf, NOUNS, shownEntry, type Entry } from './audit-entry.ts'
import { canRollBack, recordName } from './roll-back.ts'

/** Periods before the present that the trail shows, by the value of `days`: the second one unless told otherwise. */
const PERIODS: Readonly<Record<string, string>> = {
  1: 'a day',
  7: '7 days',
  30: '30 days',
  365: 'a year',
  all: 'the beginning',
}
const USUAL = '7'

/** Filter of the trail as the address of its page says it. */
interface TrailAddress {
  search: string
  kind: string
  entity: string
  days: string
  /** Ids of what the entries are about, and of who caused them, as links from other pages give them. */
  entityId: string
  actorId: string
}

const trailAddress = ({ query }: Visit): TrailAddress => {
  const among = (key: string, known: object): string =>
    Object.hasOwn(known, query[key] ?? '') ? (query[key] ?? '') : ''
  return {
    search: (query['q'] ?? '').slice(0, 200),
    kind: among('kind', KINDS),
    entity: among('entity', NOUNS),
    days: among('days', PERIODS) || USUAL,
    entityId: query['entity_id'] ?? '',
    actorId: query['actor_id'] ?? '',
  }
}

/** Writes an address without what is empty or usual; begins with `?`. */
const addressText = ({ search, kind, entity, days, entityId, actorId }: TrailAddress, after = ''): string => {
  const members = {
    q: search,
    kind,
    entity,
    days: days === USUAL ? '' : days,
    entity_id: entityId,
    actor_id: actorId,
    after,
  }
  return `?${new URLSearchParams(Object.entries(members).filter(([, value]) => value !== '')).toString()}`
}

/** Returns the query of the API with the entries of an address. */
const questionOf = ({ parts }: Visit, address: TrailAddress): Record<string, string> => {
  const { search, kind, entity, days, entityId, actorId } = address
  const since = days === 'all' ? '' : new Date(unixTime(parts.clock.unix() - Number(days) * DAY)).toISOString()
  const members = { search, kind, entity, entity_id: entityId, actor_id: actorId, since }
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== ''))
}

interface Answer {
  data: Entry[]
  next_cursor: string | null
  total: number
  total_is_exact: boolean
}

/** The audit trail: who changed what by field, decisions with their reasons, sign-ins and refused calls, newest first. */
export const auditPage: AdminPage = {
  path: '/audit',
  needs: 'audit_log:read',
  watches: [
    'accounts',
    'actors',
    'groups',
    'memberships',
    'policies',
    'resources',
    'sites',
    'gateways',
    'clients',
    'tokens',
    'identity_providers',
    'identities',
    'authorizations',
  ],
  view: async (visit) => {
    const { query, base } = visit
    const address = trailAddress(visit)
    const after = query['after']
    const [page, whole] = await Promise.all([
      visit.get<Answer>('/audit_log', {
        limit: '50',
        ...questionOf(visit, address),
        ...(after === undefined ? {} : { cursor: after }),
      }),
      visit.get<Answer>('/audit_log', { limit: '1' }),
    ])
    const names = await namesOf(visit, page.data)
    const live = page.data.map((entry): LivePart => ({
      id: `row-${entry.id}`,
      template: 'audit-entry',
      data: {
        entry: shownEntry(entry, names),
        explainUrl: explainUrl(base, entry),
        rollBackUrl: rollBackUrl(visit, entry),
      },
    }))
    const said: LivePart = {
      id: 'said',
      template: 'said',
      data: {
        words: { one: 'entry', many: 'entries' },
        total: countText(page),
        of: countText(whole),
        isFiltered: true,
      },
    }
    return {
      template: 'audit',
      title: 'Audit trail',
      live: [said, ...live],
      data: {
        ...address,
        kinds: Object.entries(KINDS).map(([value, text]) => ({ value, text })),
        entities: Object.entries(NOUNS).map(([value, text]) => ({ value, text })),
        periods: Object.entries(PERIODS).map(([value, text]) => ({ value, text })),
        tokens: tokensOf(address, names),
        entries: page.data.map(({ id, created_at: at }) => ({ id: `row-${id}`, day: DAYS.format(Date.parse(at)) })),
        total: countText(page),
        csvUrl: `${base}/audit.csv${addressText(address)}`,
        linesUrl: `${base}/audit.ndjson${addressText(address)}`,
        newestUrl: after === undefined ? undefined : addressText(address),
        nextUrl: page.next_cursor === null ? undefined : addressText(address, page.next_cursor),
      },
    }
  },
}

const download = (form: 'csv' | 'ndjson', type: string): AdminDownload => ({
  path: `/audit.${form}`,
  needs: 'audit_log:read',
  send: async (visit) => {
    const entries = await visit.get<Readable>('/audit_log', {
      ...questionOf(visit, trailAddress(visit)),
      format: form,
    })
    visit.ctx.type = type
    visit.ctx.set('Content-Disposition', `attachment; filename="audit.${form}"`)
    visit.ctx.body = entries
  },
})

/** Files with the entries that match, as the API writes them. */
export const auditDownloads: readonly AdminDownload[] = [
  download('csv', 'text/csv; charset=utf-8; header=present'),
  download('ndjson', 'application/x-ndjson; charset=utf-8'),
]

const DAYS = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeZone: 'UTC' })

const countText = ({ total, total_is_exact: isExact }: Answer): string =>
  isExact ? total.toLocaleString('en') : `more than ${total.toLocaleString('en')}`

/** Returns the filters in force, each with the address without it. */
const tokensOf = (address: TrailAddress, names: ReadonlyMap<string, string>) => {
  const { search, kind, entity, days, entityId, actorId } = address
  const texts: Readonly<Record<keyof TrailAddress, string>> = {
    search: search === '' ? '' : `text: ${search}`,
    kind: kind === '' ? '' : `kind: ${KINDS[kind as Entry['kind']]}`,
    entity: entity === '' ? '' : `about: ${NOUNS[entity] ?? ''}`,
    days: days === 'all' ? '' : `since: ${PERIODS[days] ?? ''}`,
    entityId: entityId === '' ? '' : `about: ${names.get(entityId) ?? 'something that is gone'}`,
    actorId: actorId === '' ? '' : `by: ${names.get(actorId) ?? 'somebody who is gone'}`,
  }
  return Object.entries(texts)
    .filter(([, text]) => text !== '')
    .map(([key, text]) => ({ text, url: addressText({ ...address, [key]: key === 'days' ? 'all' : '' }) }))
}

/** Returns the address that rolls a change back; undefined for what cannot be, and for those who may not. */
const rollBackUrl = ({ base, may }: Visit, entry: Entry): string | undefined => {
  const { id, kind, entity, created_at: at } = entry
  const noun = entity === 'memberships' ? 'groups' : entity
  const permission = PERMISSIONS.find((each) => each === `${noun}:write`)
  if (!canRollBack({ kind, entity }) || permission === undefined || !may(permission)) return undefined
  return `${base}/audit/${recordName({ id, createdAt: Date.parse(at) })}/roll-back`
}

const explainUrl = (base: string, { kind, details }: Entry): string | undefined => {
  if (kind !== 'decision') return undefined
  const { actor_id: actor, resource_id: resource } = (details ?? {}) as { actor_id?: unknown; resource_id?: unknown }
  if (typeof actor !== 'string' || typeof resource !== 'string') return undefined
  return `${base}/explain?actor=${actor}&resource=${resource}`
}
