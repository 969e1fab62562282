import type { DeclaredFacts, Extension, Extensions, SettingsSchema } from '../../core/contract/extension-point.ts'
import type { Reads } from '../../core/contract/facts.ts'
import type { PolicyCondition } from '../../core/contract/policy-condition.ts'

/** A policy condition and the facts that it declares, for tests that install no plugin. */
export interface DeclaredCondition {
  value: PolicyCondition
  facts: DeclaredFacts
}

/** Declares a condition as `provide` does, but without a schema: any settings are accepted unchanged. */
export const condition = <Settings, Known = object>(
  value: PolicyCondition<Settings, Known>,
  facts?: { [As in keyof Known]: Reads<Known[As], 'request'> },
): DeclaredCondition => ({ value: value as PolicyCondition, facts: facts ?? {} })

/** A schema that accepts anything as settings. */
export const ANY_SETTINGS: SettingsSchema = {
  safeParse: (settings) => ({ ok: true, settings }),
  jsonSchema: () => ({}),
}

export const extension = <T>(key: string, value: T, more: Partial<Extension<T>> = {}): Extension<T> => ({
  key,
  plugin: `test-${key}`,
  version: '1.0.0',
  value,
  settings: ANY_SETTINGS,
  keep: ANY_SETTINGS,
  facts: {},
  candidateFacts: {},
  ...more,
})

export const extensions = <T>(values: Record<string, T>): Extensions<T> =>
  new Map(Object.entries(values).map(([key, value]) => [key, extension(key, value)]))

export const conditionExtensions = (conditions: Record<string, DeclaredCondition>): Extensions<PolicyCondition> =>
  new Map(Object.entries(conditions).map(([key, { value, facts }]) => [key, extension(key, value, { facts })]))
