// Rows of the API by the names that people use for them.
import { OperatorError } from '../../core/config/operator-error.ts'
import type { ApiClient } from '../api/index.ts'
import { NOUN_OF_ID, NOUNS, type Noun } from './nouns.ts'

/** Row of a collection, as the API shows it. */
export type Row = Readonly<Record<string, unknown>> & { readonly id: string }

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** Longest text that a search of the API takes. */
const MAX_SEARCH = 200
/** Ids that one filter of the API takes. */
const IDS_AT_ONCE = 100
const SHOWN = 5

/**
 * Returns the id of the row that a person means: an id itself, a name or an e-mail address; for a policy its description, or
 * `GROUP to RESOURCE`.
 * @throws OperatorError NAME_UNKNOWN with similar names, NAME_AMBIGUOUS with all that fit
 */
export const idOfName = async (api: ApiClient, noun: Noun, text: string): Promise<string> => {
  const wanted = text.trim()
  if (UUID.test(wanted)) return wanted.toLowerCase()
  const found = await search(api, noun, wanted)
  const exact = found.filter((row) => labelsOf(noun, row).includes(wanted))
  const folded = found.filter((row) => labelsOf(noun, row).some((label) => fold(label) === fold(wanted)))
  const joined = noun.name === 'policy' && folded.length === 0 ? await policiesBetween(api, wanted) : []
  const [fitting = []] = [exact, folded, joined].filter(({ length }) => length > 0)
  const [row, ...others] = fitting
  if (row === undefined) throw unknown(noun, wanted, found)
  if (others.length === 0) return row.id
  const lines = fitting.map((each) => `\n  ${each.id}  ${labelsOf(noun, each).join(', ')}`).join('')
  throw new OperatorError(
    'NAME_AMBIGUOUS',
    `${fitting.length} ${noun.collection} are called ${wanted}: give the id.${lines}`,
  )
}

const unknown = (noun: Noun, wanted: string, found: readonly Row[]): OperatorError => {
  const similar = found.slice(0, SHOWN).map((row) => labelsOf(noun, row)[0] ?? row.id)
  const remedy = similar.length > 0 ? `Do you mean: ${similar.join(', ')}?` : `See: portreeve ${noun.name} list`
  return new OperatorError('NAME_UNKNOWN', `there is no ${noun.name} ${wanted}.`, remedy)
}

const search = async (api: ApiClient, { collection }: Noun, text: string): Promise<readonly Row[]> => {
  const query = { search: text.slice(0, MAX_SEARCH), limit: 100 }
  const rows: Row[] = []
  for await (const row of api.allUntyped(`GET /${collection}`, { query })) rows.push(row as Row)
  return rows
}

/** Finds the policies of `GROUP to RESOURCE`, wherever the names have a `to` of their own. */
const policiesBetween = async (api: ApiClient, text: string): Promise<readonly Row[]> => {
  const parts = text.split(' to ')
  for (let at = 1; at < parts.length; at++) {
    const [group, resource] = [parts.slice(0, at).join(' to '), parts.slice(at).join(' to ')]
    const [groupIds, resourceIds] = [await exactIds(api, 'group', group), await exactIds(api, 'resource', resource)]
    if (groupIds.length === 0 || resourceIds.length === 0) continue
    const rows: Row[] = []
    const query = { group_id: groupIds, resource_id: resourceIds }
    for await (const row of api.allUntyped('GET /policies', { query })) rows.push(row as Row)
    return rows
  }
  return []
}

const exactIds = async (api: ApiClient, name: 'group' | 'resource', text: string): Promise<readonly string[]> => {
  const noun = NOUNS[name]
  if (noun === undefined) return []
  return (await search(api, noun, text)).filter((row) => labelsOf(noun, row).includes(text)).map(({ id }) => id)
}

const labelsOf = ({ labels }: Noun, row: Row): string[] =>
  labels.map((label) => row[label]).filter((label) => typeof label === 'string')

const fold = (text: string): string => text.normalize('NFC').toLowerCase()

/** Returns the names of the rows whose ids stand in members of these rows, by id; an id that is not found has none. */
export const namesOfIds = async (
  api: ApiClient,
  rows: readonly Row[],
  members: readonly string[],
): Promise<ReadonlyMap<string, string>> => {
  const names = new Map<string, string>()
  for (const member of members) {
    const noun = NOUNS[NOUN_OF_ID[member] ?? '']
    if (noun === undefined) continue
    const ids = [...new Set(rows.map((row) => row[member]).filter((id) => typeof id === 'string'))]
    for (let at = 0; at < ids.length; at += IDS_AT_ONCE) {
      const query = { id: ids.slice(at, at + IDS_AT_ONCE) }
      for await (const each of api.allUntyped(`GET /${noun.collection}`, { query })) {
        const row = each as Row
        names.set(row.id, labelsOf(noun, row)[0] ?? row.id)
      }
    }
  }
  return names
}
