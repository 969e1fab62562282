/** Parts of a diagnosis, in the order in which they are looked at. */
export type Part =
  | 'machine'
  | 'name'
  | 'portal'
  | 'clock'
  | 'client'
  | 'gateway'
  | 'udp'
  | 'relay'
  | 'path'
  | 'names'
  | 'resource'
  | 'port'
  | 'tls'
  | 'sign-in'

/**
 * Outcome of looking at one part. `fine`: it works; `note`: it works, and something is worth to know; `wrong`: it does
 * not work; `unknown`: it could not be looked at, because of something before.
 */
export interface Finding {
  part: Part
  state: 'fine' | 'note' | 'wrong' | 'unknown'
  /** Stable code of what is wrong; null where nothing is. */
  code: string | null
  /** Description for people, a sentence. */
  said: string
  /** Remedy in sentences; null if there is nothing to do. */
  remedy: string | null
}

/** Makes a finding about a part that works. */
export const fine = (part: Part, said: string): Finding => ({ part, state: 'fine', code: null, said, remedy: null })

/** Makes a finding about something that is worth to know. */
export const note = (part: Part, said: string, remedy?: string): Finding => ({
  part,
  state: 'note',
  code: null,
  said,
  remedy: remedy ?? null,
})

/** Makes a finding about a part that does not work. */
export const wrong = (part: Part, code: string, said: string, remedy: string): Finding => ({
  part,
  state: 'wrong',
  code,
  said,
  remedy,
})

/** Makes a finding about a part that could not be looked at. */
export const unknown = (part: Part, said: string): Finding => ({
  part,
  state: 'unknown',
  code: null,
  said,
  remedy: null,
})

/** Describes a finding in a line, and what to do in a second one. */
export const findingLines = ({ part, state, code, said, remedy }: Finding): string => {
  const line = `${MARKS[state]} ${part.padEnd(LONGEST)}  ${said}${code === null ? '' : ` (${code})`}`
  return remedy === null ? line : `${line}\n${' '.repeat(INDENT)}${remedy}`
}

const MARKS = { fine: 'ok   ', note: 'note ', wrong: 'WRONG', unknown: '?    ' } as const
const LONGEST = 'resource'.length
const INDENT = 'WRONG'.length + 1 + LONGEST + 2
