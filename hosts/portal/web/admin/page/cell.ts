import type { UnixTime } from '../../../../../core/runtime/time.ts'
import { shownTime } from '../../http/shown-time.ts'

/** Verdict that a mark shows: by its shape, its word, and then its colour. */
export type MarkKind = 'yes' | 'no' | 'wait' | 'warn' | 'shadow' | 'off'

/** Content of one place in a table or a list of facts. */
export interface Cell {
  text?: string
  url?: string
  mark?: MarkKind
  badges?: readonly { text: string; isNew?: boolean }[]
  time?: { iso: string; text: string }
  /** Reason or detail, on a line of its own. */
  why?: string
  /** Whether the text is an address or a name of a machine. */
  isCode?: boolean
}

export const text = (value: string | number): Cell => ({ text: String(value) })

export const link = (value: string, url: string, why?: string): Cell => ({
  text: value,
  url,
  ...(why === undefined ? {} : { why }),
})

export const mark = (kind: MarkKind, word: string, why?: string): Cell => ({
  mark: kind,
  text: word,
  ...(why === undefined ? {} : { why }),
})

/** Shows a time of the API; `never` where there is none. */
export const time = (value: string | null, never = 'never'): Cell => {
  const shown = value === null ? undefined : shownTime(Date.parse(value) as UnixTime)
  return shown === undefined ? { text: never } : { time: shown }
}
