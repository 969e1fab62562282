import { z } from 'zod'
import type { UnixTime } from '../../../../core/runtime/time.ts'
import { columnName } from '../../store/row-codec.ts'
import { TABLES } from '../../store/tables.ts'
import type { EntityName } from '../../store/entities.ts'
import type { AuditFilter, AuditRecord, Page, Position, Reader } from '../../store/store.ts'
import type { ApiContext, ApiMiddleware, Endpoint } from './endpoint.ts'
import { Format, Search } from './list-query.ts'
import { answerPage, PageQuery } from './page.ts'
import type { ApiParts } from './parts.ts'
import { queryOf } from './read-body.ts'
import { answerStreamed, streamedForm } from './streamed-rows.ts'
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
  search: Search.describe(
    'Text in the record, or in the name of a row that it names: a person, group, device, gateway, resource, site, token or provider',
  ),
  format: Format,
  since: Time.optional().describe('Start of the period, inclusive'),
  until: Time.optional().describe('End of the period, exclusive'),
})

/** Operations on the audit trail: changes, decisions with their reasons, sign-ins and refused calls, newest first. */
export const auditLogEndpoints = ({ store }: ApiParts): Endpoint[] => {
  const query = queryOf(AuditQuery)
  const filterOf = async (ctx: ApiContext): Promise<AuditFilter> => {
    const { kind, action, entity, actor_id, entity_id, search = '', since, until } = query.of(ctx)
    return {
      kind,
      action,
      entity,
      actorId: actor_id,
      entityId: entity_id,
      since: since === undefined ? undefined : unixTimeOf(since),
      until: until === undefined ? undefined : unixTimeOf(until),
      search:
        search === '' ? undefined : { text: search, ids: await idsNamed(store.reader(ctx.state.account.id), search) },
    }
  }
  const read = async (ctx: ApiContext, page: Page, filter: AuditFilter) =>
    store.auditLog(ctx.state.account.id, { ...page, ...filter, isOldestFirst: query.of(ctx).sort === 'created_at' })
  const fetch = async (ctx: ApiContext, page: Page) => {
    const filter = await filterOf(ctx)
    return { rows: await read(ctx, page, filter), count: await store.countAudit(ctx.state.account.id, filter) }
  }
  const stream = async function* (ctx: ApiContext): AsyncGenerator<z.infer<typeof AuditBody>[]> {
    const filter = await filterOf(ctx)
    for (let after: Position | undefined = query.of(ctx).cursor; ;) {
      const rows = await read(ctx, { after, limit: STREAM_PAGE }, filter)
      yield rows.map(toWire)
      after = rows.at(-1)
      if (rows.length < STREAM_PAGE) return
    }
  }
  const page = answerPage<AuditRecord>(fetch, toWire)
  const answer: ApiMiddleware = async (ctx, next) => {
    const form = streamedForm(ctx, query.of(ctx).format)
    if (form === undefined) return page(ctx, next)
    await answerStreamed(ctx, form, { name: 'audit_log', members: Object.keys(AuditBody.shape), pages: stream(ctx) })
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
      story: [answer],
    },
  ]
}

/** Records that are read at a time for a trail without pages. */
const STREAM_PAGE = 500
/** Rows of one kind that a search of the trail finds by name. */
const MOST_NAMED = 100

const NAMED = [
  'actors',
  'groups',
  'clients',
  'gateways',
  'resources',
  'sites',
  'tokens',
  'identity_providers',
] as const satisfies readonly EntityName[]

/** Returns the ids of rows whose names contain a text. */
const idsNamed = async (reader: Reader, search: string): Promise<string[]> => {
  const found = NAMED.map(async (name) => (await reader.find(name, { search, limit: MOST_NAMED })).rows)
  return (await Promise.all(found)).flat().map(({ id }) => id)
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
