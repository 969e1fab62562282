import { shownTime } from '../../http/shown-time.ts'
import { unixTime } from '../../../../../core/runtime/time.ts'
import type { EntityName } from '../../../store/entities.ts'
import type { Visit } from '../page/admin-parts.ts'
import { fieldChanges, type Members } from './field-changes.ts'

/** A record of the audit trail, as the API shows it. */
export interface Entry {
  id: string
  created_at: string
  kind: 'change' | 'decision' | 'sign_in' | 'api_call'
  action: string
  entity: string
  entity_id: string | null
  by: {
    type: string
    actor_id?: string
    client_id?: string
    gateway_id?: string
    part?: string
    remote_ip?: string
    via?: string
  }
  details: unknown
}

/** Kinds of records, in words for several. */
export const KINDS: Readonly<Record<Entry['kind'], string>> = {
  change: 'Changes',
  decision: 'Decisions',
  sign_in: 'Sign-ins',
  api_call: 'Refused calls',
}

/** Words for one row of each table that records are about. */
export const NOUNS: Readonly<Record<string, string>> = {
  accounts: 'account',
  actors: 'person or service account',
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

/** Tables whose rows have names, by the members that hold their ids. */
const REFERENCES: Readonly<Record<string, EntityName>> = {
  actor_id: 'actors',
  maker_id: 'actors',
  group_id: 'groups',
  resource_id: 'resources',
  site_id: 'sites',
  gateway_id: 'gateways',
  client_id: 'clients',
  token_id: 'tokens',
  identity_provider_id: 'identity_providers',
}
const NAMED = new Set<string>(Object.values(REFERENCES))

/** Reads the names of whatever the entries name by an id. */
export const namesOf = async (
  { parts, caller, query }: Visit,
  entries: readonly Entry[],
): Promise<ReadonlyMap<string, string>> => {
  const wanted = new Map<string, EntityName>()
  const note = (members: unknown) => {
    for (const [key, value] of Object.entries((members ?? {}) as Members)) {
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
  const names = new Map<string, string>()
  for (const kind of new Set(wanted.values())) {
    const ids = [...wanted].flatMap(([id, named]) => (named === kind ? [id] : []))
    for (const [id, row] of await reader.getAll(kind, ids)) if ('name' in row) names.set(id, row.name)
  }
  return names
}

/** Returns an entry as its template shows it. */
export const shownEntry = (entry: Entry, names: ReadonlyMap<string, string>) => {
  const { kind, action, entity, entity_id: id, by, details, created_at: at } = entry
  const { before, after } = (kind === 'change' ? (details ?? {}) : {}) as { before?: Members; after?: Members }
  const { actor_id: personId } = (details ?? {}) as { actor_id?: string | null }
  const device = kind === 'decision' ? (names.get(by.client_id ?? '') ?? '') : ''
  const shown = {
    at: shownTime(unixTime(Date.parse(at))),
    who: kind === 'decision' ? (names.get(personId ?? '') ?? whoText(by, names)) : whoText(by, names),
    from: [device, VIAS[by.via ?? ''] ?? '', by.remote_ip === undefined ? '' : `from ${by.remote_ip}`]
      .filter((part) => part !== '')
      .join(', '),
    what: kind === 'change' ? `${action} the ${NOUNS[entity] ?? entity}` : (WORDS[`${kind} ${action}`] ?? action),
    name: nameOf(id, before, after, names),
    reason: kind === 'change' ? '' : reasonText(details),
    changes: fieldChanges(before, after, names),
  }
  if (entity !== 'memberships') return shown
  // A membership has no name: whose it is, and where, says all of it.
  const { actor_id: member, group_id: group } = (after ?? before ?? {}) as { actor_id?: string; group_id?: string }
  const what = `${action === 'created' ? 'added' : 'took'} ${names.get(member ?? '') ?? 'somebody who is gone'} ${action === 'created' ? 'to' : 'from'} the group`
  return { ...shown, what, name: names.get(group ?? '') ?? 'that is gone', changes: [] }
}

const VIAS: Readonly<Record<string, string>> = { api: 'by the API', session: 'by the pages' }

const WORDS: Readonly<Record<string, string>> = {
  'decision granted': 'was granted',
  'decision denied': 'was denied',
  'sign_in signed_in': 'signed in',
  'sign_in refused': 'was refused at the sign-in of',
  'sign_in signed_out': 'ended a sign-in of',
  'sign_in emergency_code_made': 'made an emergency code for',
  'api_call refused': 'was refused a call',
}

const nameOf = (
  id: string | null,
  before: Members | undefined,
  after: Members | undefined,
  names: ReadonlyMap<string, string>,
): string => {
  const known = (id === null ? undefined : names.get(id)) ?? after?.['name'] ?? before?.['name']
  return typeof known === 'string' ? known : ''
}

const whoText = (by: Entry['by'], names: ReadonlyMap<string, string>): string => {
  const id = by.actor_id ?? by.client_id ?? by.gateway_id
  if (id !== undefined) return names.get(id) ?? `A ${by.type} that is gone`
  return by.part === undefined ? 'The portal' : `The portal (${by.part})`
}

const reasonText = (details: unknown): string => {
  const { reason, method, path, status, code } = (details ?? {}) as Record<string, unknown>
  if (typeof method === 'string') return `${method} ${String(path)}: ${String(status)} ${String(code)}`
  return typeof reason === 'string' ? reason.replaceAll('_', ' ') : ''
}
