import { table } from './output.ts'
import type { Row } from './named-rows.ts'

/** Formats rows as a table of some of their members; ids of others are shown by the names given. */
export const rowsText = (
  rows: readonly Row[],
  { columns, names }: { columns: readonly string[]; names: ReadonlyMap<string, string> },
): string => {
  const head = columns.map((column) => titleOf(column).toUpperCase())
  return table([head, ...rows.map((row) => columns.map((column) => cellOf(row[column], names)))])
}

/** Formats one row, a member a line. */
export const rowText = (row: Row, names: ReadonlyMap<string, string>): string =>
  table(Object.entries(row).map(([member, value]) => [titleOf(member), cellOf(value, names)]))

/** Returns the words for a member; one that holds the id of another row is called as that is. */
const titleOf = (member: string): string => member.replace(/(?<=\w)_id$/, '').replaceAll('_', ' ')

const cellOf = (value: unknown, names: ReadonlyMap<string, string>): string => {
  if (value === null || value === undefined) return '-'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'string') return names.get(value) ?? value
  if (!Array.isArray(value)) return typeof value === 'number' ? String(value) : JSON.stringify(value)
  if (value.length === 0) return '-'
  return value.map((each) => (typeof each === 'string' ? each : shortOf(each))).join(', ')
}

/** Formats an element of a list: port filters and conditions in their shortest form, all else as JSON. */
const shortOf = (value: unknown): string => {
  const { protocol, ports, condition } = (value ?? {}) as { protocol?: string; ports?: string[]; condition?: string }
  if (protocol !== undefined && ports !== undefined)
    return ports.length === 0 ? protocol : `${ports.join('+')}/${protocol}`
  return condition ?? JSON.stringify(value)
}
