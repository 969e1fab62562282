import { expect } from 'chai'
import * as fc from 'fast-check'
import { it } from 'mocha'

/** The schema by which a plugin provides something that an account sets. */
export interface SettingsSchemaSuite<Settings> {
  schema: { safeParse: (value: unknown) => { success: boolean; data?: Settings } }
  /** Settings as an account writes them, of every kind that there is. */
  settings: readonly [unknown, ...unknown[]]
  /** What the schema must refuse. */
  refused: readonly unknown[]
}

/** The samples as the schema hands them on. @throws Error for one that it refuses */
export const parsedSettings = <Settings>({ schema, settings }: SettingsSchemaSuite<Settings>): Settings[] =>
  settings.map((sample) => {
    const parsed = schema.safeParse(sample)
    if (!parsed.success) throw new Error(`a sample is not valid: ${JSON.stringify(sample)}`)
    return parsed.data as Settings
  })

/** What every schema of settings promises. Call it inside `describe`. */
export const settingsSchemaSuite = <Settings>(suite: SettingsSchemaSuite<Settings>): void => {
  it('refuses settings that are none, and keys that it does not know', () => {
    for (const value of [undefined, null, 7, 'settings', [], ...suite.refused]) {
      expect(suite.schema.safeParse(value).success, JSON.stringify(value)).to.equal(false)
    }
    for (const value of suite.settings) {
      expect(suite.schema.safeParse({ ...(value as object), no_such_key: 1 }).success).to.equal(false)
    }
  })

  it('has a schema that never throws', () => {
    const settings = fc.constantFrom(...suite.settings)
    fc.assert(
      fc.property(fc.anything(), settings, fc.nat(), (value, chosen, at) => {
        suite.schema.safeParse(value)
        const keys = Object.keys(chosen as object)
        const key = keys[at % keys.length] ?? 'key'
        suite.schema.safeParse({ ...(chosen as object), [key]: value })
      }),
    )
  })
}
