import type { SettingsSchema } from '../contract/extension-point.ts'
import { MAX_OWN_FACT_CHARACTERS, type FactTable, type OwnFact } from '../contract/fact-source.ts'
import { frozenCopy } from './frozen-copy.ts'
import { catchPromises } from './caught-promises.ts'

/** Most keys of one snapshot. */
const MAX_KEYS = 100_000

/**
 * Checks what a fact source at the portal answered, and returns a frozen copy.
 * @throws Error where any of it is wrong: a snapshot is believed whole or not at all
 */
export const checkedTable = (answer: unknown, schema: SettingsSchema): FactTable => {
  catchPromises(answer)
  if (typeof answer !== 'object' || answer === null) throw new Error('its answer is no snapshot { values, otherwise }')
  const { values, otherwise } = answer as { values?: unknown; otherwise?: unknown }
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw new Error('its values are no object')
  const entries = Object.entries(values)
  if (entries.length > MAX_KEYS) throw new Error(`it has more than ${MAX_KEYS} values`)
  const known: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  for (const [key, value] of entries) known[key] = fitting(value, schema, ` for ${key.slice(0, 100)}`)
  Object.freeze(known)
  return Object.freeze(
    otherwise === undefined
      ? { values: known }
      : { values: known, otherwise: fitting(otherwise, schema, ' for all others') },
  )
}

/**
 * Checks what a fact source on a client's machine answered, and returns a frozen copy.
 * @throws Error where it is wrong
 */
export const checkedOwnFact = (answer: unknown, schema: SettingsSchema): OwnFact => {
  if (typeof answer !== 'object' || answer === null || !('value' in answer))
    throw new Error('its answer is no snapshot { value } of its machine')
  const { value } = answer
  if (value === undefined) return Object.freeze({ value })
  // The wire carries JSON.
  const text = JSON.stringify(frozenCopy(value)) as string | undefined
  if (text === undefined) throw new Error('its value is no plain data')
  if (text.length > MAX_OWN_FACT_CHARACTERS)
    throw new Error(`its value has more than ${MAX_OWN_FACT_CHARACTERS} characters as JSON`)
  return Object.freeze({ value: fitting(JSON.parse(text), schema, '') })
}

const fitting = (value: unknown, schema: SettingsSchema, of: string): unknown => {
  const verdict = schema.safeParse(value)
  if (verdict.ok) return verdict.settings
  const [problem] = verdict.problems
  throw new Error(`its value${of} does not fit: ${problem?.path ?? ''}: ${problem?.message ?? ''}`)
}
