import type { Knex } from 'knex'
import type { UnixTime } from '../../../core/runtime/time.ts'
import type { Change, ConditionSetting, EntityName, UpstreamResolverSetting } from './entities.ts'
import type { RefusedCall } from './store.ts'
import type { AuditIds } from './audit-ids.ts'
import type { Count } from './find-query.ts'
import { countUpTo } from './find-rows.ts'
import { beyond } from './knex-reader.ts'
import type { AuditFilter, AuditRecord, AuditSubject, Decision, OldAudit, Page, SignInEvent } from './store.ts'
import { insertAll, type Statements } from './statements.ts'
import { TABLES } from './tables.ts'

/**
 * An audit record to be inserted, with the actor whose change, request or sign-in it is about: the column by which one
 * person's records are found.
 */
export type NewAuditRecord = AuditRecord & { actorId?: string | null }

/** Text that stands for a secret in the audit trail. */
export const SECRET = '[secret]'
/** Text that stands for a secret whose value differs from the one before the change. */
export const CHANGED = '[secret, changed]'

/** Settings of a plugin after a change, and those before it if they were the same plugin's. */
export interface SettingsChange {
  settings: unknown
  before?: unknown
}

/**
 * Functions that hide secrets in a plugin's settings before they are written to the audit trail. The key names the
 * plugin, whose schema says which settings are secret.
 */
export interface AuditedSettings {
  condition: (key: string, change: SettingsChange) => unknown
  selector: (key: string, change: SettingsChange) => unknown
  provider: (key: string, change: SettingsChange) => unknown
  resolver: (key: string, change: SettingsChange) => unknown
}

/** Hides all settings: for a process that loads no plugins. */
export const HIDE_ALL_SETTINGS: AuditedSettings = {
  condition: () => SECRET,
  selector: () => SECRET,
  provider: () => SECRET,
  resolver: () => SECRET,
}

type Row = Record<string, unknown>

/**
 * Returns the audit record of a change; undefined if it only touched columns that are not audited (`quiet` in
 * tables.ts).
 */
export const changeRecord = (
  change: Change,
  { by, at, ids, settings }: { by: AuditSubject; at: UnixTime; ids: AuditIds; settings: AuditedSettings },
): NewAuditRecord | undefined => {
  const shown = shownChange(change, settings)
  if (shown === undefined) return undefined
  return {
    actorId: by.type === 'actor' ? by.actorId : null,
    id: ids.next(at),
    accountId: change.accountId,
    createdAt: at,
    kind: 'change',
    action: shown.action,
    entity: change.entity,
    entityId: change.id,
    by,
    details: shown.details,
  }
}

/** A change as people may see it. */
export interface ShownChange {
  action: 'created' | 'updated' | 'removed'
  /** Columns that have changed, without secrets. */
  details: { before?: Row; after?: Row }
}

/** Returns a change without the secrets in it; undefined if only quiet columns have changed. */
export const shownChange = (change: Change, settings: AuditedSettings): ShownChange | undefined => {
  const { secret, quiet } = TABLES[change.entity] as { secret: readonly string[]; quiet: readonly string[] }
  const before = (change.before ?? {}) as Row
  const after = (change.after ?? {}) as Row
  const changed = Object.keys({ ...before, ...after }).filter(
    (key) => key !== 'updatedAt' && JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  )
  const updated = change.before !== undefined && change.after !== undefined
  if (updated && changed.every((key) => quiet.includes(key))) return undefined
  const shown = (row: Row, other: Row | undefined) => {
    const audited = withAuditedSettings(change.entity, { row, other }, settings)
    const hidden = other === undefined ? SECRET : CHANGED
    return Object.fromEntries(
      changed.filter((key) => key in row).map((key) => [key, secret.includes(key) ? hidden : audited[key]]),
    )
  }
  return {
    action: updated ? 'updated' : change.before === undefined ? 'created' : 'removed',
    details: {
      ...(change.before === undefined ? {} : { before: shown(before, undefined) }),
      ...(change.after === undefined ? {} : { after: shown(after, updated ? before : undefined) }),
    },
  }
}

/** Returns the row with the secrets in its plugin settings hidden. `other` is the same row before the change. */
const withAuditedSettings = (
  entity: EntityName,
  { row, other }: { row: Row; other: Row | undefined },
  settings: AuditedSettings,
): Row => {
  if (entity === 'sites' && 'selectorSettings' in row) {
    const before = other?.['selector'] === row['selector'] ? other?.['selectorSettings'] : undefined
    const change = { settings: row['selectorSettings'], before }
    return { ...row, selectorSettings: settings.selector(String(row['selector']), change) }
  }
  if (entity === 'identity_providers' && 'settings' in row) {
    const change = { settings: row['settings'], before: other?.['settings'] }
    return { ...row, settings: settings.provider(String(row['type']), change) }
  }
  if (entity === 'accounts' && 'upstreamResolvers' in row) {
    const stored = (other?.['upstreamResolvers'] ?? []) as UpstreamResolverSetting[]
    const upstreamResolvers = (row['upstreamResolvers'] as UpstreamResolverSetting[]).map((each, at) => {
      const before = stored[at]?.type === each.type ? stored[at].settings : undefined
      return { ...each, settings: settings.resolver(each.type, { settings: each.settings, before }) }
    })
    return { ...row, upstreamResolvers }
  }
  if (entity !== 'policies' || !('conditions' in row)) return row
  const stored = (other?.['conditions'] ?? []) as ConditionSetting[]
  const conditions = (row['conditions'] as ConditionSetting[]).map((each) => {
    const before = stored.find(({ condition }) => condition === each.condition)?.settings
    return {
      condition: each.condition,
      settings: settings.condition(each.condition, { settings: each.settings, before }),
    }
  })
  return { ...row, conditions }
}

export const decisionRecord = (accountId: string, decision: Decision, ids: AuditIds): NewAuditRecord => ({
  actorId: decision.actorId,
  id: ids.next(decision.at),
  accountId,
  createdAt: decision.at,
  kind: 'decision',
  action: decision.verdict,
  entity: 'resources',
  entityId: decision.resourceId,
  by: decision.clientId === null ? { type: 'system', part: 'policy' } : { type: 'client', clientId: decision.clientId },
  details: decision,
})

export const signInRecord = (accountId: string, event: SignInEvent, ids: AuditIds): NewAuditRecord => {
  const { at, action, by, actorId, ...details } = event
  return {
    id: ids.next(at),
    accountId,
    actorId,
    createdAt: at,
    kind: 'sign_in',
    action,
    entity: 'actors',
    entityId: actorId,
    by,
    details,
  }
}

export const refusedCallRecord = (
  accountId: string,
  { call, repeated }: { call: RefusedCall; repeated: number },
  ids: AuditIds,
): NewAuditRecord => {
  const { at, by, ...details } = call
  return {
    id: ids.next(at),
    accountId,
    actorId: by.type === 'actor' ? by.actorId : null,
    createdAt: at,
    kind: 'api_call',
    action: 'refused',
    entity: 'api',
    entityId: null,
    by,
    details: repeated === 0 ? details : { ...details, repeated: { count: repeated } },
  }
}

export const insertAudit = async (statements: Statements, records: readonly NewAuditRecord[]): Promise<void> => {
  const rows = records.map((record) => ({
    id: record.id,
    account_id: record.accountId,
    created_at: record.createdAt,
    kind: record.kind,
    action: record.action,
    entity: record.entity,
    entity_id: record.entityId,
    actor_id: record.actorId ?? null,
    by: JSON.stringify(record.by),
    details: JSON.stringify(record.details),
  }))
  await insertAll(statements, 'audit_log', rows)
}

export const readAudit = async (
  database: Knex,
  accountId: string,
  { after, limit, isOldestFirst = false, ...filter }: Page & AuditFilter & { isOldestFirst?: boolean },
): Promise<AuditRecord[]> => {
  const query = inOrder(database, { accountId, limit, order: isOldestFirst ? 'asc' : 'desc' })
  void query.where(matching(filter))
  if (after !== undefined) void query.where(beyond(after, isOldestFirst ? '>' : '<'))
  return ((await query) as Record<string, string>[]).map((row) => recordOf(accountId, row))
}

/** Counts the records that match, up to `MOST_COUNTED`. */
export const countAudit = async (database: Knex, accountId: string, filter: AuditFilter): Promise<Count> => {
  const records = database('audit_log').where({ account_id: accountId }).where(matching(filter))
  return countUpTo(database, records)
}

/** Counts the records that match in periods of `length` ms from `since` on, by the periods' numbers. */
export const countPerPeriod = async (
  database: Knex,
  { accountId, filter, since, length }: { accountId: string; filter: AuditFilter; since: UnixTime; length: number },
): Promise<Map<number, number>> => {
  // Both are integers, so that the quotient is one, too.
  const period = database.raw('(?? - CAST(? AS BIGINT)) / CAST(? AS BIGINT)', ['created_at', since, length])
  const counted = (await database('audit_log')
    .where({ account_id: accountId })
    .where(matching({ ...filter, since }))
    .select({ period })
    .count({ n: '*' })
    .groupBy('period')) as { period: unknown; n: unknown }[]
  return new Map(counted.map(({ period: number, n }) => [Number(number), Number(n)]))
}

/** Adds the conditions of a filter. */
const matching =
  ({ kind, action, entity, actorId, entityId, search, since, until }: AuditFilter) =>
  (query: Knex.QueryBuilder): void => {
    const cells = { kind, action, entity, actor_id: actorId, entity_id: entityId }
    void query.where(Object.fromEntries(Object.entries(cells).filter(([, value]) => value !== undefined)))
    if (since !== undefined) void query.where('created_at', '>=', since)
    if (until !== undefined) void query.where('created_at', '<', until)
    if (search !== undefined) void query.where(containing(search))
  }

/** Ids that are looked for inside of records; of more than these only what a record is about, and who did it. */
const MOST_IDS_INSIDE = 20

/** Adds the condition that a record contains a text or names one of some rows. Records hold JSON, in which texts are escaped. */
const containing =
  ({ text, ids }: NonNullable<AuditFilter['search']>) =>
  (query: Knex.QueryBuilder): void => {
    void query.whereIn('entity_id', [...ids, text]).orWhereIn('actor_id', [...ids, text])
    for (const inside of [JSON.stringify(text).slice(1, -1), ...ids.slice(0, MOST_IDS_INSIDE)]) {
      const pattern = `%${inside.toLowerCase().replaceAll(/[!%_]/g, '!$&')}%`
      for (const column of ['details', 'by']) void query.orWhereRaw(`lower(??) LIKE ? ESCAPE '!'`, [column, pattern])
    }
  }

/** Reads the latest decisions about one actor's requests, newest first. */
export const readDecisions = async (
  database: Knex,
  { accountId, actorId, limit }: { accountId: string; actorId: string; limit: number },
): Promise<AuditRecord[]> => {
  const query = inOrder(database, { accountId, limit, order: 'desc' }).where({ kind: 'decision', actor_id: actorId })
  return ((await query) as Record<string, string>[]).map((row) => recordOf(accountId, row))
}

/**
 * Removes up to `limit` of the oldest records and records the removal itself, in the same transaction. Returns how many
 * it removed.
 */
export const removeOldAudit = async (
  { database, statements }: { database: Knex.Transaction; statements: Statements },
  { kinds, before, limit }: OldAudit,
  { accountId, at, ids: newIds }: { accountId: string; at: UnixTime; ids: AuditIds },
): Promise<number> => {
  const records = () => database('audit_log').where({ account_id: accountId })
  const old = (await records()
    .whereIn('kind', [...kinds])
    .andWhere('created_at', '<', before)
    .orderBy(['created_at', 'id'])
    .limit(limit)
    .select('id')) as { id: string }[]
  if (old.length === 0) return 0
  const ids = old.map(({ id }) => id)
  const removed = await records().whereIn('id', ids).delete()
  const details = { removed, kinds, before: new Date(before).toISOString() }
  const by = { type: 'system', part: 'audit-retention' } as const
  const what = { kind: 'change', action: 'removed', entity: 'audit_log', entityId: null } as const
  await insertAudit(statements, [{ id: newIds.next(at), accountId, createdAt: at, by, details, ...what }])
  return removed
}

const inOrder = (
  database: Knex,
  { accountId, limit, order }: { accountId: string; limit: number; order: 'asc' | 'desc' },
): Knex.QueryBuilder =>
  database('audit_log')
    .where({ account_id: accountId })
    .orderBy([
      { column: 'created_at', order },
      { column: 'id', order },
    ])
    .limit(limit)

const recordOf = (accountId: string, row: Record<string, string>): AuditRecord => ({
  id: String(row['id']),
  accountId,
  createdAt: Number(row['created_at']) as UnixTime,
  kind: row['kind'] as AuditRecord['kind'],
  action: String(row['action']),
  entity: String(row['entity']),
  entityId: row['entity_id'] ?? null,
  by: JSON.parse(String(row['by'])) as AuditSubject,
  details: JSON.parse(String(row['details'])) as unknown,
})
