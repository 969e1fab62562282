import { shownTime } from '../../http/shown-time.ts'
import { unixTime } from '../../../../../core/runtime/time.ts'

/** Value of one field before and after a change, in words; undefined where the field was not there. */
export interface FieldChange {
  field: string
  before: string | undefined
  after: string | undefined
}

/** Members of a row, as a record of the audit trail has them. */
export type Members = Readonly<Record<string, unknown>>

/** Members that say nothing to people. */
const HIDDEN = new Set(['id', 'account_id', 'created_at', 'updated_at'])

/**
 * Lists what a change did to each field, also inside of settings and lists. Fields that stay are left out; `names` are
 * those of the rows that ids stand for.
 */
export const fieldChanges = (
  before: Members | undefined,
  after: Members | undefined,
  names: ReadonlyMap<string, string>,
): FieldChange[] => {
  const [old, young] = [leavesOf(before, names), leavesOf(after, names)]
  return [...new Set([...old.keys(), ...young.keys()])]
    .map((field) => ({ field, before: old.get(field), after: young.get(field) }))
    .filter((change) => change.before !== change.after)
}

/** Returns the values of all fields, by their labels. */
const leavesOf = (members: Members | undefined, names: ReadonlyMap<string, string>): ReadonlyMap<string, string> => {
  const leaves = new Map<string, string>()
  const visit = (label: string, value: unknown): void => {
    if (Array.isArray(value) && value.every((each) => typeof each === 'object' && each !== null)) {
      const counts = new Map<string, number>()
      for (const each of value as Members[]) {
        const kind = kindOf(each)
        const count = (counts.get(kind) ?? 0) + 1
        counts.set(kind, count)
        const { condition: _, ...others } = each
        const at = `${label}, ${kind}${count === 1 ? '' : ` ${count}`}`
        if (Object.values(others).every(isEmpty)) leaves.set(at, 'there')
        else for (const [key, member] of Object.entries(others)) visit(joined(at, key), member)
      }
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, member] of Object.entries(value)) visit(joined(label, key), member)
    } else {
      leaves.set(label, wordsOf(value, names))
    }
  }
  for (const [key, value] of Object.entries(members ?? {})) if (!HIDDEN.has(key)) visit(labelOf(key), value)
  return leaves
}

const isEmpty = (value: unknown): boolean =>
  value === null || (typeof value === 'object' && Object.keys(value).length === 0)

/** Returns the word that tells a member of a list from the others, such as the kind of a condition. */
const kindOf = (member: Members): string => {
  const kind = member['condition'] ?? member['type'] ?? member['protocol'] ?? member['name']
  return typeof kind === 'string' ? kind : 'entry'
}

const joined = (label: string, key: string): string => (key === 'settings' ? label : `${label}, ${labelOf(key)}`)

const labelOf = (key: string): string =>
  key
    .replace(/^is_/, '')
    .replace(/_ids?$/, '')
    .replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replaceAll('_', ' ')

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Words for the texts that stand for secrets in the trail. */
const SECRETS: Readonly<Record<string, string>> = { '[secret]': 'secret', '[secret, changed]': 'another secret' }

const wordsOf = (value: unknown, names: ReadonlyMap<string, string>): string => {
  if (value === null || value === undefined || value === '') return 'nothing'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.length === 0 ? 'nothing' : value.map((each) => wordsOf(each, names)).join(', ')
  if (typeof value !== 'string') return JSON.stringify(value)
  if (TIME.test(value)) return shownTime(unixTime(Date.parse(value)))?.text ?? value
  return SECRETS[value] ?? names.get(value) ?? (ID.test(value) ? 'something that is gone' : value)
}
