import type { Filter } from '../../../store/find-query.ts'
import type { Reader } from '../../../store/store.ts'
import { Id } from '../../api/body-fields.ts'
import type { Visit } from './admin-parts.ts'

/** Kinds of rows that a field offers by their names. */
export type ChoiceKind = 'groups' | 'resources' | 'sites' | 'actors' | 'service_accounts'

export interface Choice {
  value: string
  text: string
}

/** Rows that a field offers. */
export interface Choices {
  options: readonly Choice[]
  /** Number of rows that there are beyond those: they are found by a part of their names. */
  more: number
  /** Whether there are so many rows that a person searches for one. */
  isLarge: boolean
}

/** Rows that a field offers at once. */
export const MOST_CHOICES = 100

/** Finds rows of a kind by a part of their names, in the order of these; rows that are chosen are always among them. */
export const findChoices = async (
  { parts, caller }: Visit,
  kind: ChoiceKind,
  asked: { search?: string; chosen?: readonly string[] } = {},
): Promise<Choices> => {
  const reader = parts.store.reader(caller.account.id)
  return kind === 'service_accounts'
    ? choicesIn(reader, 'actors', { tests: [{ column: 'type', in: ['service_account'] }] }, asked)
    : choicesIn(reader, kind, {}, asked)
}

const choicesIn = async <Name extends Exclude<ChoiceKind, 'service_accounts'>>(
  reader: Reader,
  name: Name,
  filter: Filter<Name>,
  asked: { search?: string; chosen?: readonly string[] },
): Promise<Choices> => {
  // Both come from an address: a database refuses what is no text or no id.
  const search = (asked.search ?? '').replaceAll(/[\p{Cc}\p{Cs}]/gu, '')
  const chosen = (asked.chosen ?? []).filter((id) => Id.safeParse(id).success)
  const sort = { column: 'name' as const, isDescending: false }
  const [{ rows }, all, found] = await Promise.all([
    reader.find(name, { ...filter, search, sort, limit: MOST_CHOICES }),
    reader.count(name, filter),
    search === '' ? undefined : reader.count(name, { ...filter, search }),
  ])
  const missing = chosen.filter((id) => !rows.some((row) => row.id === id))
  const others = await reader.getAll(name, missing)
  return {
    options: [...others.values(), ...rows].map(({ id, name: text }) => ({ value: id, text })),
    more: (found ?? all).total - rows.length,
    isLarge: all.total > MOST_CHOICES,
  }
}
