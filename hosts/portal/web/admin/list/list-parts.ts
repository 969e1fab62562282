import { time } from '../page/cell.ts'
import { findChoices, type ChoiceKind } from '../page/choices.ts'
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
  choices: async () =>
    Promise.resolve({
      options: Object.entries(words).map(([value, text]) => ({ value, text })),
      more: 0,
      isLarge: false,
    }),
})

/** Makes a filter by a row of another kind, which is found by its name where there are many. */
export const rowFilter = (key: string, label: string, kind: ChoiceKind): ListFilter => ({
  key,
  label,
  choices: (visit, asked) => findChoices(visit, kind, asked),
})
