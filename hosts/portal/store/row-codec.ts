import type { Entities, EntityName } from './entities.ts'
import { TABLES, type ColumnKind } from './tables.ts'

type Cell = string | number | boolean | null

/** Converts `isDisabled` to `is_disabled`. */
export const columnName = (property: string): string =>
  property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** Converts `is_disabled` to `isDisabled`. */
export const propertyName = (column: string): string =>
  column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** Encodes a row, or a part of one, as column values. */
export const encodeRow = <Name extends EntityName>(name: Name, row: Partial<Entities[Name]>): Record<string, Cell> => {
  const kinds: Record<string, ColumnKind> = TABLES[name].columns
  return Object.fromEntries(
    Object.entries(row)
      .filter(([, value]) => value !== undefined)
      .map(([property, value]) => [columnName(property), encodeCell(kindOf(kinds, property), value)]),
  )
}

/** Decodes column values into a row, whatever type the database returned for integers and booleans. */
export const decodeRow = <Name extends EntityName>(name: Name, columns: Record<string, unknown>): Entities[Name] => {
  const row = Object.entries(TABLES[name].columns as Record<string, ColumnKind>).map(([property, kind]) => [
    property,
    decodeCell(kind, columns[columnName(property)] as Cell | undefined),
  ])
  return Object.fromEntries(row) as Entities[Name]
}

const kindOf = (kinds: Record<string, ColumnKind>, property: string): ColumnKind => {
  const kind = kinds[property]
  if (kind === undefined) throw new Error(`not a column: ${property}`)
  return kind
}

const encodeCell = (kind: ColumnKind, value: unknown): Cell => {
  if (kind === 'json') return JSON.stringify(value ?? null)
  return value as Cell
}

const decodeCell = (kind: ColumnKind, value: Cell | undefined): unknown => {
  if (value === null || value === undefined) return null
  switch (kind) {
    case 'text':
      return String(value)
    case 'time':
    case 'integer':
      return Number(value)
    case 'flag':
      return Boolean(value)
    case 'json':
      return JSON.parse(String(value)) as unknown
  }
}
