import type { ApiCall } from '../../api/call-api.ts'
import { Problem } from '../../http/problem.ts'
import { shownTime } from '../../http/shown-time.ts'
import { unixTime } from '../../../../../core/runtime/time.ts'
import type { AuditRecord } from '../../../store/store.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import type { Visit } from '../page/admin-parts.ts'

/** A change of the audit trail that can be undone, and the call that does. */
interface Undoing {
  title: string
  lead: string
  call: ApiCall
}

/** Columns that the API takes back, by table, and the path of its operations. */
const TABLES: Readonly<Record<string, { path: string; columns: readonly string[]; canBeMade: boolean }>> = {
  actors: { path: '/actors', columns: ['type', 'name', 'email', 'isDisabled'], canBeMade: true },
  groups: { path: '/groups', columns: ['name'], canBeMade: true },
  sites: { path: '/sites', columns: ['name', 'selector', 'selectorSettings'], canBeMade: true },
  resources: {
    path: '/resources',
    columns: ['name', 'type', 'address', 'addressDescription', 'siteId', 'filters', 'ipStack'],
    canBeMade: true,
  },
  policies: {
    path: '/policies',
    columns: ['groupId', 'resourceId', 'description', 'conditions', 'isDisabled', 'mode'],
    canBeMade: true,
  },
  identity_providers: {
    path: '/identity_providers',
    columns: [
      'name',
      'isDefault',
      'isDisabled',
      'emailDomains',
      'clientTokenLifetimeSeconds',
      'sessionLifetimeSeconds',
    ],
    canBeMade: false,
  },
  clients: { path: '/clients', columns: ['name'], canBeMade: false },
  gateways: { path: '/gateways', columns: ['name'], canBeMade: false },
}

/** Whether the audit trail offers to roll a change back. */
export const canRollBack = ({ kind, entity }: { kind: string; entity: string }): boolean =>
  kind === 'change' && (entity === 'memberships' || TABLES[entity] !== undefined)

/** Names a record in an address: its time finds it, its id tells it from others of that time. */
export const recordName = ({ id, createdAt }: { id: string; createdAt: number }): string => `${createdAt}-${id}`

/** The form that undoes one change, after it has shown what that does. */
export const rollBack: FormDefinition<Undoing> = {
  path: '/audit/:id/roll-back',
  needs: 'audit_log:read',
  load: async (visit) => ({ row: await undoingOf(visit), version: undefined }),
  title: ({ row }) => row.title,
  crumbs: ({ visit }) => [{ text: 'Audit trail', url: `${visit.base}/audit` }],
  lead: ({ row }) => row.lead,
  values: () => new FormValues({}),
  fields: () => [],
  call: ({ row }) => row.call,
  done: () => '/audit',
  verb: () => 'Roll it back',
  isHarm: true,
  leave: () => '/audit',
}

interface Row {
  [column: string]: unknown
}

const undoingOf = async (visit: Visit): Promise<Undoing> => {
  const record = await recordOf(visit)
  const { entity, action, createdAt } = record
  const { before, after } = (record.details ?? {}) as { before?: Row | null; after?: Row | null }
  const at = shownTime(createdAt)?.text ?? ''
  const lead = `The change of ${at}. It stays in the trail, and this one is added.`
  if (entity === 'memberships')
    return { title: 'Roll the membership back?', lead, call: membershipCall(before ?? undefined, after ?? undefined) }
  const table = TABLES[entity]
  if (table === undefined || record.entityId === null) throw refused('This kind of change cannot be rolled back.')
  await refuseLater(visit, record, Object.keys({ ...before, ...after }))
  const row = `${table.path}/${record.entityId}`
  if (action === 'created') return { title: 'Remove what was created?', lead, call: { method: 'DELETE', path: row } }
  const body = bodyOf(before ?? {}, table.columns)
  if (Object.keys(body).length === 0)
    throw refused('Only secrets or columns that change by themselves were changed: there is nothing to put back.')
  if (action === 'updated') return { title: 'Put back what it was?', lead, call: { method: 'PATCH', path: row, body } }
  if (!table.canBeMade)
    throw refused('What was removed had secrets, which are gone: it cannot be made again from here.')
  return {
    title: 'Make what was removed again?',
    lead: `${lead} It gets a new id; what hung on it does not come back.`,
    call: { method: 'POST', path: table.path, body },
  }
}

const refused = (detail: string): Problem => new Problem(409, 'cannot_roll_back', detail)

const recordOf = async ({ ctx, parts, caller }: Visit): Promise<AuditRecord> => {
  const [, time = '', id = ''] = /^(\d{1,15})-([0-9a-f-]{36})$/.exec(ctx.params['id'] ?? '') ?? []
  const since = unixTime(Number(time))
  const found = await parts.store.auditLog(caller.account.id, {
    kind: 'change',
    since,
    until: unixTime(since + 1),
    limit: 1_000,
  })
  const record = found.find((each) => each.id === id)
  if (record === undefined) throw new Problem(404, 'not_found', 'There is no such change.')
  return record
}

/** Refuses to undo a change of which a later one has changed a column again, and names the later one. */
const refuseLater = async (
  { parts, caller }: Visit,
  record: AuditRecord,
  columns: readonly string[],
): Promise<void> => {
  const { entityId, createdAt, id } = record
  const later = await parts.store.auditLog(caller.account.id, {
    kind: 'change',
    entityId: entityId ?? '',
    since: createdAt,
    limit: 1_000,
  })
  const again = later.find((each) => {
    const { before, after } = (each.details ?? {}) as { before?: Row | null; after?: Row | null }
    const touched = Object.keys({ ...before, ...after })
    return (
      each.id !== id &&
      each.createdAt > createdAt &&
      touched.some((column) => columns.includes(column) && column !== 'updatedAt')
    )
  })
  if (again === undefined) return
  const when = shownTime(again.createdAt)?.text ?? ''
  throw refused(`The same was changed again at ${when}. Roll that change back first.`)
}

const bodyOf = (before: Row, columns: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(before)
      .filter(([column, value]) => columns.includes(column) && !JSON.stringify(value ?? null).includes('[secret'))
      .map(([column, value]) => [column.replaceAll(/([A-Z])/g, '_$1').toLowerCase(), value]),
  )

const membershipCall = (before: Row | undefined, after: Row | undefined): ApiCall => {
  const { groupId, actorId } = after ?? before ?? {}
  return {
    method: 'PATCH',
    path: `/groups/${String(groupId)}/memberships`,
    body: after === undefined ? { add: [actorId] } : { remove: [actorId] },
  }
}
