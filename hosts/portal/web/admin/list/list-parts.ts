import { time } from '../page/cell.ts'
import type { ListColumn, ListFilter } from './list-definition.ts'

/** Columns that every list offers, and shows only to whoever chooses them: when a row was made, and last changed. */
export const timeColumns = <Extra>(): ListColumn<{ created_at: string; updated_at: string }, Extra>[] => [
  { key: 'created', title: 'Created', sort: 'created_at', isHidden: true, cell: ({ created_at: at }) => time(at) },
  { key: 'changed', title: 'Changed', sort: 'updated_at', isHidden: true, cell: ({ updated_at: at }) => time(at) },
]

/** Makes a filter by one of a few words, which are given by the values that the API knows. */
export const wordFilter = (key: string, label: string, words: Readonly<Record<string, string>>): ListFilter => ({
  key,
  label,
  options: async () => Promise.resolve(Object.entries(words).map(([value, text]) => ({ value, text }))),
})
