import type { AdminPage, LivePart, Visit } from '../page/admin-parts.ts'
import { shownTime } from '../../http/shown-time.ts'
import { DAY, unixTime } from '../../../../../core/runtime/time.ts'
import { PERMISSIONS } from '../../../identity/permissions.ts'
import type { EntityName } from '../../../store/entities.ts'

import { canRollBack, recordName } from './roll-back.ts'

interface Entry {
  id: string
  created_at: string
  kind: 'change' | 'decision' | 'sign_in' | 'api_call'
  action: string
  entity: string
  entity_id: string | null
  by: {
    type: string
    actorId?: string
    clientId?: string
    gatewayId?: string
    part?: string
    remoteIp?: string
    via?: string
  }
  details: unknown
}

const KINDS = {
  change: 'Changes',
  decision: 'Decisions',
  sign_in: 'Sign-ins',
  api_call: 'Refused calls',
} as const

/** Days that the trail shows unless told otherwise. */
const DAYS = 7

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
    const { query, base, parts } = visit
    const kind = Object.keys(KINDS).includes(query['kind'] ?? '') ? (query['kind'] ?? '') : ''
    const days = [1, 7, 30, 365].find((each) => String(each) === query['days']) ?? DAYS
    const entityId = query['entity_id'] ?? ''
    const actorId = query['actor_id'] ?? ''
    const page = await visit.get<{ data: Entry[]; next_cursor: string | null }>('/audit_log', {
      limit: '50',
      since: new Date(unixTime(parts.clock.unix() - days * DAY)).toISOString(),
      ...(kind === '' ? {} : { kind }),
      ...(entityId === '' ? {} : { entity_id: entityId }),
      ...(actorId === '' ? {} : { actor_id: actorId }),
      ...(query['after'] === undefined ? {} : { cursor: query['after'] }),
    })
    const names = await namesOf(visit, page.data)
    const keep = { kind, days: String(days), entity_id: entityId, actor_id: actorId }
    const live = page.data.map((entry): LivePart => ({
      id: `row-${entry.id}`,
      template: 'audit-entry',
      data: {
        entry: shownEntry(entry, names),
        explainUrl: explainUrl(base, entry),
        rollBackUrl: rollBackUrl(visit, entry),
      },
    }))
    return {
      template: 'audit',
      title: 'Audit trail',
      live,
      data: {
        kinds: Object.entries(KINDS).map(([value, text]) => ({ value, text })),
        kind,
        days,
        entityId,
        entityName: names.get(entityId),
        actorId,
        actorName: names.get(actorId),
        entries: page.data.map(({ id, created_at: at }) => ({ id: `row-${id}`, day: at.slice(0, 10) })),
        nextUrl:
          page.next_cursor === null
            ? undefined
            : `?${new URLSearchParams({ ...keep, after: page.next_cursor }).toString()}`,
        isFirst: query['after'] === undefined,
      },
    }
  },
}

/** Entities that have names, by the members of rows and records that hold their ids. */
const REFERENCES: Readonly<Record<string, EntityName>> = {
  actorId: 'actors',
  groupId: 'groups',
  resourceId: 'resources',
  siteId: 'sites',
  gatewayId: 'gateways',
  clientId: 'clients',
  identityProviderId: 'identity_providers',
}

/** Reads the names of whatever the entries name by an id. */
const namesOf = async (
  { parts, caller, query }: Visit,
  entries: readonly Entry[],
): Promise<ReadonlyMap<string, string>> => {
  const wanted = new Map<string, EntityName>()
  const note = (members: unknown) => {
    for (const [key, value] of Object.entries((members ?? {}) as Record<string, unknown>)) {
      const kind = REFERENCES[key]
      if (kind !== undefined && typeof value === 'string') wanted.set(value, kind)
    }
  }
  for (const { by, entity, entity_id: id, details } of entries) {
    note(by)
    const { before, after } = (details ?? {}) as { before?: unknown; after?: unknown }
    for (const members of [before, after, details]) note(members)
    if (id !== null && NAMED.has(entity)) wanted.set(id, entity as EntityName)
  }
  if (query['actor_id'] !== undefined) wanted.set(query['actor_id'], 'actors')
  const reader = parts.store.reader(caller.account.id)
  const found = [...wanted].map(async ([id, kind]) => {
    const row = (await reader.get(kind, id)) as { name?: string } | undefined
    return row?.name === undefined ? [] : [[id, row.name] as const]
  })
  return new Map((await Promise.all(found)).flat())
}

const NAMED = new Set(['actors', 'groups', 'resources', 'sites', 'gateways', 'clients', 'identity_providers', 'tokens'])

const shownEntry = (entry: Entry, names: ReadonlyMap<string, string>) => {
  const { kind, action, entity, entity_id: id, by, details, created_at: at } = entry
  const { before = {}, after = {} } = (kind === 'change' ? (details ?? {}) : {}) as {
    before?: Record<string, unknown> | null
    after?: Record<string, unknown> | null
  }
  const rowName =
    (id === null ? undefined : names.get(id)) ?? text((after ?? before)?.['name'] ?? before?.['name'], names) ?? ''
  return {
    at: shownTime(unixTime(Date.parse(at))),
    who: whoText(by, names),
    from: by.remoteIp ?? '',
    what:
      kind === 'change' ? `${action} the ${NOUNS[entity] ?? entity}` : `${KINDS[kind]}: ${action.replaceAll('_', ' ')}`,
    name: rowName === '' || rowName === 'nothing' ? '' : rowName,
    reason: kind === 'change' ? '' : reasonText(details),
    changes: [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])]
      .filter((key) => !HIDDEN.has(key))
      .map((key) => ({
        field: key.replaceAll(/([A-Z])/g, ' $1').toLowerCase(),
        before: before === null || before[key] === undefined ? undefined : text(before[key], names),
        after: after === null || after[key] === undefined ? undefined : text(after[key], names),
      })),
  }
}

/** Columns that say nothing to people. */
const HIDDEN = new Set(['id', 'accountId', 'createdAt', 'updatedAt'])

const NOUNS: Readonly<Record<string, string>> = {
  accounts: 'account',
  actors: 'person',
  groups: 'group',
  memberships: 'membership',
  policies: 'policy',
  resources: 'resource',
  sites: 'site',
  gateways: 'gateway',
  clients: 'device',
  tokens: 'token',
  identity_providers: 'identity provider',
  identities: 'identity',
  authorizations: 'authorization',
}

const text = (value: unknown, names: ReadonlyMap<string, string>): string => {
  if (value === null || value === undefined) return 'nothing'
  if (typeof value === 'string') return names.get(value) ?? value
  return JSON.stringify(value)
}

const whoText = (by: Entry['by'], names: ReadonlyMap<string, string>): string => {
  const id = by.actorId ?? by.clientId ?? by.gatewayId
  if (id !== undefined) return names.get(id) ?? `${by.type} that is gone`
  return `the portal (${by.part ?? by.type})`
}

const reasonText = (details: unknown): string => {
  const { reason, method, path, status, code } = (details ?? {}) as Record<string, unknown>
  if (typeof method === 'string') return `${method} ${String(path)}: ${String(status)} ${String(code)}`
  return typeof reason === 'string' ? reason.replaceAll('_', ' ') : ''
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
  const { actorId, resourceId } = (details ?? {}) as { actorId?: unknown; resourceId?: unknown }
  if (typeof actorId !== 'string' || typeof resourceId !== 'string') return undefined
  return `${base}/explain?actor=${actorId}&resource=${resourceId}`
}
