import type { Knex } from 'knex'
import { uuid, type Random } from '../../../core/runtime/random.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import type { Change } from '../entities.ts'
import { beyond } from './knex-reader.ts'
import type { AuditRecord, AuditSubject, Decision, Page, SignInEvent } from './store.ts'
import { TABLES } from './tables.ts'

/** The audit record of a change; undefined where only quiet columns changed. */
export const changeRecord = (
  change: Change,
  { by, at, random }: { by: AuditSubject; at: UnixTime; random: Random },
): AuditRecord | undefined => {
  const { secret, quiet } = TABLES[change.entity] as { secret: readonly string[]; quiet: readonly string[] }
  const before = (change.before ?? {}) as Record<string, unknown>
  const after = (change.after ?? {}) as Record<string, unknown>
  const changed = Object.keys({ ...before, ...after }).filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  )
  const updated = change.before !== undefined && change.after !== undefined
  if (updated && changed.every((key) => quiet.includes(key))) return undefined
  const shown = (row: Record<string, unknown>) =>
    Object.fromEntries(
      changed.filter((key) => key in row).map((key) => [key, secret.includes(key) ? '[secret]' : row[key]]),
    )
  return {
    id: uuid(random),
    accountId: change.accountId,
    createdAt: at,
    kind: 'change',
    action: updated ? 'updated' : change.before === undefined ? 'created' : 'removed',
    entity: change.entity,
    entityId: change.id,
    by,
    details: {
      ...(change.before === undefined ? {} : { before: shown(before) }),
      ...(change.after === undefined ? {} : { after: shown(after) }),
    },
  }
}

export const decisionRecord = (accountId: string, decision: Decision, random: Random): AuditRecord => ({
  id: uuid(random),
  accountId,
  createdAt: decision.at,
  kind: 'decision',
  action: decision.verdict,
  entity: 'resources',
  entityId: decision.resourceId,
  by: decision.clientId === null ? { type: 'system', part: 'policy' } : { type: 'client', clientId: decision.clientId },
  details: decision,
})

export const signInRecord = (accountId: string, event: SignInEvent, random: Random): AuditRecord => {
  const { at, action, by, actorId, ...details } = event
  return {
    id: uuid(random),
    accountId,
    createdAt: at,
    kind: 'sign_in',
    action,
    entity: 'actors',
    entityId: actorId,
    by,
    details,
  }
}

export const insertAudit = async (database: Knex, records: readonly AuditRecord[]): Promise<void> => {
  // A few rows a statement: databases bound the number of a statement's parameters.
  for (let start = 0; start < records.length; start += 50) {
    await database('audit_log').insert(
      records.slice(start, start + 50).map((record) => ({
        id: record.id,
        account_id: record.accountId,
        created_at: record.createdAt,
        kind: record.kind,
        action: record.action,
        entity: record.entity,
        entity_id: record.entityId,
        by: JSON.stringify(record.by),
        details: JSON.stringify(record.details),
      })),
    )
  }
}

export const readAudit = async (database: Knex, accountId: string, page: Page): Promise<AuditRecord[]> => {
  const query = newestFirst(database, accountId, page.limit)
  if (page.after !== undefined) void query.where(beyond(page.after, '<'))
  return ((await query) as Record<string, string>[]).map((row) => recordOf(accountId, row))
}

/** The latest decisions about one actor, who stands in their details. */
export const readDecisions = async (
  database: Knex,
  { accountId, actorId, limit }: { accountId: string; actorId: string; limit: number },
): Promise<AuditRecord[]> => {
  const query = newestFirst(database, accountId, limit)
    .where({ kind: 'decision' })
    .whereLike('details', `%"actorId":"${actorId.replaceAll(/[^0-9a-f-]/g, '')}"%`)
  return ((await query) as Record<string, string>[]).map((row) => recordOf(accountId, row))
}

const newestFirst = (database: Knex, accountId: string, limit: number): Knex.QueryBuilder =>
  database('audit_log')
    .where({ account_id: accountId })
    .orderBy([
      { column: 'created_at', order: 'desc' },
      { column: 'id', order: 'desc' },
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
