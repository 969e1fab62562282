import type { SettingsSchema } from '../contract/extension-point.ts'
import type { FactSnapshot } from '../contract/fact-source.ts'

/** Most keys of one snapshot. */
const MAX_KEYS = 100_000

/**
 * Checks what a fact source answered, and returns a frozen copy.
 * @throws Error where any of it is wrong: a snapshot is believed whole or not at all
 */
export const checkedSnapshot = (answer: unknown, schema: SettingsSchema): FactSnapshot => {
  if (typeof answer !== 'object' || answer === null) throw new Error('its answer is no snapshot { values, otherwise }')
  const { values, otherwise } = answer as { values?: unknown; otherwise?: unknown }
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw new Error('its values are no object')
  const entries = Object.entries(values)
  if (entries.length > MAX_KEYS) throw new Error(`it has more than ${MAX_KEYS} values`)
  const checked = (key: string, value: unknown): unknown => {
    const verdict = schema.safeParse(value)
    if (verdict.ok) return verdict.settings
    const [problem] = verdict.problems
    throw new Error(
      `its value for ${key.slice(0, 100)} does not fit: ${problem?.path ?? ''}: ${problem?.message ?? ''}`,
    )
  }
  const known: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  for (const [key, value] of entries) known[key] = checked(key, value)
  Object.freeze(known)
  return Object.freeze(
    otherwise === undefined ? { values: known } : { values: known, otherwise: checked('all others', otherwise) },
  )
}
