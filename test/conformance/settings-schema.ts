import type { Schema, Validation } from '../../core/contract/schema.ts'
import { expect, fc } from './libraries.ts'
import { it } from './runner.ts'

/** The schema by which a plugin provides something that an account sets. */
export interface SettingsSchemaSuite<Settings> {
  schema: Schema<Settings>
  /** Settings as an account writes them, of every kind that there is. */
  settings: readonly [unknown, ...unknown[]]
  /** Settings that the schema must refuse. */
  refused: readonly unknown[]
}

/** The samples as the schema hands them on. @throws Error for one that it refuses */
export const parsedSettings = <Settings>({ schema, settings }: SettingsSchemaSuite<Settings>): Settings[] =>
  settings.map((sample) => {
    const parsed = validate(schema, sample)
    if (parsed.issues !== undefined) throw new Error(`a sample is not valid: ${JSON.stringify(sample)}`)
    return parsed.value
  })

/** Tests that every schema of settings passes. Call it inside `describe`. */
export const settingsSchemaSuite = <Settings>({ schema, settings, refused }: SettingsSchemaSuite<Settings>): void => {
  const takes = (value: unknown): boolean => validate(schema, value).issues === undefined

  it('a schema of settings refuses malformed settings and unknown keys', () => {
    for (const value of [undefined, null, 7, 'settings', [], ...refused]) {
      expect(takes(value), JSON.stringify(value)).to.equal(false)
    }
    for (const value of settings) expect(takes({ ...(value as object), no_such_key: 1 })).to.equal(false)
  })

  it('a schema of settings never throws', () => {
    const chosen = fc.constantFrom(...settings)
    fc.assert(
      fc.property(fc.anything(), chosen, fc.nat(), (value, sample, at) => {
        takes(value)
        const keys = Object.keys(sample as object)
        const key = keys[at % keys.length] ?? 'key'
        takes({ ...(sample as object), [key]: value })
      }),
    )
  })

  it('a schema of settings is described as JSON Schema', () => {
    expect(schema['~standard'].jsonSchema.input({ target: 'draft-2020-12' })).to.have.property('type')
  })
}

/** Validates by a schema that answers at once. @throws Error for one that answers with a promise */
export const validate = <T>(schema: Schema<T>, value: unknown): Validation<T> => {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) throw new Error('the schema answers with a promise')
  return result
}
