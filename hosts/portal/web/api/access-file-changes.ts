// Tells what an access file changes, in the words of the file.
import type { z } from 'zod'
import { shownChange, type AuditedSettings } from '../../store/audit-trail.ts'
import type { Change, EntityName } from '../../store/entities.ts'
import { columnName } from '../../store/row-codec.ts'
import { rowName } from '../../store/row-name.ts'
import type { Reader } from '../../store/store.ts'
import type { FileChange } from './access-file-body.ts'

type Shown = z.infer<typeof FileChange>

/** Kinds of rows that people know of; others that go along, such as authorizations, only follow. */
const KINDS: ReadonlySet<EntityName> = new Set<EntityName>([
  'sites',
  'resources',
  'actors',
  'groups',
  'memberships',
  'identity_providers',
  'identities',
  'policies',
  'clients',
  'gateways',
  'tokens',
])

/** Kinds of rows by the columns that hold their ids. */
const KIND_OF_COLUMN: Readonly<Record<string, EntityName>> = {
  siteId: 'sites',
  groupId: 'groups',
  resourceId: 'resources',
  actorId: 'actors',
}

/** Columns that every new row has, and that say nothing. */
const UNSHOWN = new Set(['id', 'accountId', 'createdAt', 'updatedAt'])

/**
 * Returns what changes of a transaction amount to, without secrets and with names in place of ids; several of one row are
 * one. `reader` reads the rows as they are afterwards.
 */
export const fileChanges = async (
  changes: readonly Change[],
  { reader, settings }: { reader: Reader; settings: AuditedSettings },
): Promise<Shown[]> => {
  const names = new Names(reader, changes)
  const shown: Shown[] = []
  for (const change of merged(changes)) {
    const told = KINDS.has(change.entity) ? shownChange(change, settings) : undefined
    if (told === undefined) continue
    const { before, after } = told.details
    shown.push({
      action: told.action,
      kind: change.entity,
      name: await names.of(change),
      before: before === undefined ? null : await names.columns(before),
      after: after === undefined ? null : await names.columns(after),
    })
  }
  return shown
}

/** Joins the changes of each row; leaves out what has changed back. */
const merged = (changes: readonly Change[]): Change[] => {
  const byRow = new Map<string, Change>()
  for (const change of changes) {
    const key = `${change.entity} ${change.id}`
    const first = byRow.get(key)
    if (first === undefined) byRow.set(key, change)
    else byRow.set(key, { ...change, before: first.before } as Change)
  }
  return [...byRow.values()].filter(({ before, after }) => before !== undefined || after !== undefined)
}

class Names {
  readonly #reader: Reader
  readonly #removed: ReadonlyMap<string, object>

  constructor(reader: Reader, changes: readonly Change[]) {
    this.#reader = reader
    this.#removed = new Map(changes.flatMap(({ id, before }) => (before === undefined ? [] : [[id, before]])))
  }

  /** Returns the name of the row of a change; a policy and a membership are named by what they join. */
  async of({ entity, before, after }: Change): Promise<string> {
    const row = { ...before, ...after } as Record<string, unknown>
    if (entity === 'policies')
      return `${await this.#name('groups', row['groupId'])} to ${await this.#name('resources', row['resourceId'])}`
    if (entity === 'memberships')
      return `${await this.#name('actors', row['actorId'])} in ${await this.#name('groups', row['groupId'])}`
    return nameIn(row)
  }

  async columns(row: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    const shown: Record<string, unknown> = {}
    for (const [column, value] of Object.entries(row)) {
      if (UNSHOWN.has(column)) continue
      const kind = KIND_OF_COLUMN[column]
      if (kind === undefined) shown[columnName(column)] = value
      else shown[columnName(column).replace(/_id$/, '')] = await this.#name(kind, value)
    }
    return shown
  }

  async #name(kind: EntityName, id: unknown): Promise<string> {
    if (typeof id !== 'string') return ''
    const row = (await this.#reader.get(kind, id)) ?? this.#removed.get(id)
    return nameIn(row) || id
  }
}

const nameIn = (row: object | undefined): string => {
  const { email } = (row ?? {}) as { email?: string | null }
  return email ?? rowName(row)
}
