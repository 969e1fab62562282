import { z } from 'zod'
import type { UnixTime } from '../../../../core/runtime/time.ts'
import { columnName } from '../../store/row-codec.ts'
import { TABLES } from '../../store/tables.ts'
import type { AuditFilter, AuditRecord, Page } from '../../store/store.ts'
import type { ApiContext, Endpoint } from './endpoint.ts'
import { answerPage, PageQuery } from './page.ts'
import type { ApiParts } from './parts.ts'
import { queryOf } from './read-body.ts'
import { Id, pageOf, Time, timeOf, unixTimeOf } from './body-fields.ts'

const Kind = z.enum(['change', 'decision', 'sign_in', 'api_call'])

const AuditBody = z
  .object({
    id: Id,
    created_at: Time,
    kind: Kind,
    action: z
      .string()
      .describe(
        'created, updated, removed; granted, denied; signed_in, refused, signed_out, emergency_code_made; refused',
      ),
    entity: z.string(),
    entity_id: z.string().nullable(),
    by: z
      .record(z.string(), z.unknown())
      .describe('Actor, peer or part of the portal that caused it, with its token and IP address'),
    details: z
      .unknown()
      .describe(
        'Changed columns, with secrets as [secret] or [secret, changed]; else the reasons of a decision, or the refused call or sign-in',
      ),
  })
  .meta({ id: 'AuditRecord' })

const Word = z.string().regex(/^[a-z_]{1,64}$/, 'is no word of the trail')

const AuditQuery = PageQuery.extend({
  sort: z.enum(['created_at', '-created_at']).default('-created_at').describe('With `-` the newest first'),
  kind: Kind.optional(),
  action: Word.optional().describe('What happened, such as `updated` or `denied`'),
  entity: Word.optional().describe('Collection of the row that the record is about, such as `policies`'),
  actor_id: Id.optional().describe('Actor who made the change, or whose request or sign-in it is'),
  entity_id: Id.optional().describe('Row that the record is about'),
  since: Time.optional().describe('Start of the period, inclusive'),
  until: Time.optional().describe('End of the period, exclusive'),
})

/** Operations on the audit trail: changes, decisions with their reasons, sign-ins and refused calls, newest first. */
export const auditLogEndpoints = ({ store }: ApiParts): Endpoint[] => {
  const query = queryOf(AuditQuery)
  const fetch = async (ctx: ApiContext, page: Page) => {
    const { sort, kind, action, entity, actor_id, entity_id, since, until } = query.of(ctx)
    const filter: AuditFilter = {
      kind,
      action,
      entity,
      actorId: actor_id,
      entityId: entity_id,
      since: since === undefined ? undefined : unixTimeOf(since),
      until: until === undefined ? undefined : unixTimeOf(until),
    }
    const { id } = ctx.state.account
    const rows = await store.auditLog(id, { ...page, ...filter, isOldestFirst: sort === 'created_at' })
    return { rows, count: await store.countAudit(id, filter) }
  }
  return [
    {
      method: 'GET',
      path: '/audit_log',
      needs: 'audit_log:read',
      summary: 'Lists changes, decisions and sign-ins, newest first',
      status: 200,
      answer: pageOf(AuditBody).omit({ previous_cursor: true, before: true }),
      query: AuditQuery,
      story: [answerPage<AuditRecord>(fetch, toWire)],
    },
  ]
}

const toWire = (record: AuditRecord): z.infer<typeof AuditBody> => ({
  id: record.id,
  kind: record.kind,
  action: record.action,
  entity: record.entity,
  entity_id: record.entityId,
  by: inWireNames(record.by) as Record<string, unknown>,
  details: inWireNames(record.details),
  created_at: timeOf(record.createdAt),
})

/** Members of rows and decisions that are times. */
const TIMES = new Set([
  'at',
  'until',
  'again',
  ...Object.values(TABLES).flatMap(({ columns }) =>
    Object.entries(columns).flatMap(([key, kind]) => (kind === 'time' ? [key] : [])),
  ),
])

const isTime = (key: string, member: unknown): member is UnixTime => typeof member === 'number' && TIMES.has(key)

/** Members whose own member names stay as they are, because plugins define them. */
const NOT_OURS = new Set(['settings', 'selectorSettings'])

const inWireNames = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(inWireNames)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      columnName(key),
      NOT_OURS.has(key) ? (member as unknown) : isTime(key, member) ? timeOf(member) : inWireNames(member),
    ]),
  )
}
