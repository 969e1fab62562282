import { MINUTE, type UnixTime } from '../../../core/runtime/time.ts'
import type { View } from '../decide/view.ts'
import type { Change, Entities, EntityName, Rows } from '../store/entities.ts'
import type { Grants } from './grants.ts'

/** Age below which an acknowledged grant may not be stored yet, so that its missing row means nothing. */
const SETTLED_MS = MINUTE

/** Returns the changes that bring the view to these rows, and end grants whose rows are gone. */
export const missedChanges = ({ view, grants }: { view: View; grants: Grants }, rows: Rows, at: UnixTime): Change[] => {
  const changes: Change[] = []
  const entities = Object.keys(rows) as EntityName[]
  for (const entity of entities.filter((name) => name !== 'authorizations')) {
    const known = new Map<string, Entities[EntityName]>([...view.all(entity)].map((row) => [row.id, row]))
    for (const after of rows[entity] as Entities[EntityName][]) {
      const before = known.get(after.id)
      known.delete(after.id)
      if (before === undefined || JSON.stringify(before) !== JSON.stringify(after)) {
        changes.push(changeOf(entity, before, after))
      }
    }
    for (const gone of known.values()) changes.push(changeOf(entity, gone, undefined))
  }
  const standing = new Set(rows.authorizations.map(({ id }) => id))
  for (const { row, isAcknowledged } of grants.all()) {
    if (!isAcknowledged || standing.has(row.id) || row.createdAt > at - SETTLED_MS) continue
    changes.push(changeOf('authorizations', row, undefined))
  }
  return changes
}

const changeOf = (
  entity: EntityName,
  before: Entities[EntityName] | undefined,
  after: Entities[EntityName] | undefined,
): Change => {
  const row = after ?? before
  const accountId = row !== undefined && 'accountId' in row ? row.accountId : (row?.id ?? '')
  const parts = { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }
  return { entity, accountId, id: row?.id ?? '', ...parts } as Change
}
