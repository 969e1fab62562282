import { z } from 'zod'
import { columnName } from '../../store/row-codec.ts'
import type { AuditRecord } from '../../store/store.ts'
import type { Endpoint } from './endpoint.ts'
import { answerPage, page } from './page.ts'
import type { ApiParts } from './parts.ts'
import { pageOf, rowFields, timeOf } from './wire.ts'

const AuditBody = z
  .object({
    ...rowFields,
    kind: z.enum(['change', 'decision', 'sign_in']),
    action: z
      .string()
      .describe('created, updated, removed; granted, denied; signed_in, refused, signed_out, emergency_code_made'),
    entity: z.string(),
    entity_id: z.string().nullable(),
    by: z.record(z.string(), z.unknown()).describe('Who did it'),
    details: z.unknown().describe("What changed, or a decision's reasons"),
  })
  .meta({ id: 'AuditRecord' })

/** What happened, newest first: every change, every decision with its reasons, every sign-in. */
export const auditLogEndpoints = ({ store }: ApiParts): Endpoint[] => [
  {
    method: 'GET',
    path: '/audit_log',
    summary: 'Lists changes, decisions and sign-ins, newest first',
    status: 200,
    answer: pageOf(AuditBody),
    story: [page.read, answerPage<AuditRecord>((ctx, asked) => store.auditLog(ctx.state.account.id, asked), toWire)],
  },
]

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

const inWireNames = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(inWireNames)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [columnName(key), inWireNames(member)]))
}
