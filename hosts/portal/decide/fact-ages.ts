import { unixTime, type UnixTime } from '../../../core/runtime/time.ts'
import type { Change } from '../store/entities.ts'

/**
 * Remembers since when the rows have had the values that facts are made of. Rows do not carry that time themselves: what was
 * read when the portal started counts from then, what changed afterwards from its change.
 */
export class FactAges {
  #loadedAt = unixTime(0)
  readonly #changedAt = new Map<string, UnixTime>()

  /** All rows were read at this time. */
  loaded(at: UnixTime): void {
    this.#loadedAt = at
  }

  /** Notes which facts a committed change of a row concerns. */
  note(change: Change, at: UnixTime): void {
    const { before, after } = change
    if (change.entity === 'memberships') {
      const actorId = change.after?.actorId ?? change.before?.actorId
      if (actorId !== undefined) this.#changedAt.set(keyOf(actorId, 'groups'), at)
    }
    if (before === undefined || after === undefined) {
      for (const column of FACTUAL_COLUMNS) this.#changedAt.delete(keyOf(change.id, column))
      if (after === undefined) this.#changedAt.delete(keyOf(change.id, 'groups'))
      return
    }
    for (const column of FACTUAL_COLUMNS) {
      const [old, young] = [before, after].map((row) => (row as Partial<Record<FactualColumn, unknown>>)[column])
      if (old !== young) this.#changedAt.set(keyOf(change.id, column), at)
    }
  }

  /** Time since when a row has had the value of a column that can change; `groups` are those of an actor. */
  since({ id, createdAt }: { id: string; createdAt: UnixTime }, column: FactualColumn | 'groups'): UnixTime {
    const known = this.#changedAt.get(keyOf(id, column))
    return known ?? (createdAt > this.#loadedAt ? createdAt : this.#loadedAt)
  }
}

/** Columns that facts are made of and that can change. */
const FACTUAL_COLUMNS = ['type', 'email', 'name', 'siteId', 'verifiedAt', 'isProven'] as const
export type FactualColumn = (typeof FACTUAL_COLUMNS)[number]

const keyOf = (id: string, column: FactualColumn | 'groups'): string => `${id}:${column}`
