import { OperatorError } from '../config/operator-error.ts'
import { pathOf } from '../config/parse-config.ts'
import type { SettingsProblem, SettingsSchema } from '../contract/extension-point.ts'
import type { Schema, SchemaIssue } from '../contract/schema.ts'
import { catchPromises } from './caught-promises.ts'
import { errorText } from './error-text.ts'
import { frozenCopy } from './frozen-copy.ts'
import { synchronousAnswer } from './synchronous-answer.ts'
import { visibleCharacters } from './visible-characters.ts'

const MAX_PROBLEMS = 100
const MAX_MESSAGE_CHARACTERS = 1_000
const MAX_DESCRIPTION_CHARACTERS = 1_000_000

/**
 * Wraps a schema that a plugin declares. A schema runs the plugin's code: it is handed a copy of each value, and its
 * result is copied and frozen. Error texts begin with `source`: `plugins[2]: condition-x, settings of "x"`.
 * @throws OperatorError PLUGIN_SCHEMA if it is no schema, or cannot be described as JSON Schema
 */
export const settingsSchema = (schema: Schema<unknown>, source: string): SettingsSchema => {
  const description = describe(schema, source)
  return {
    safeParse: (value) => {
      try {
        const result = synchronousAnswer(schema['~standard'].validate(frozenCopy(value)))
        catchPromises(result)
        if ('then' in result) throw new TypeError('it answered with a promise')
        if (result.issues === undefined) return { ok: true, settings: frozenCopy(result.value) }
        return {
          ok: false,
          problems: result.issues.slice(0, MAX_PROBLEMS).map((issue) => problemOf(issue, description)),
        }
      } catch (error) {
        return { ok: false, problems: [{ path: '', message: `the plugin cannot check them: ${errorText(error)}` }] }
      }
    },
    jsonSchema: () => description,
  }
}

/** Schema in place of one that a plugin does not declare: accepts an object without members only. */
export const NO_SETTINGS: SettingsSchema = {
  safeParse: (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return { ok: false, problems: [{ path: '(top)', message: 'has to be an object' }] }
    }
    const keys = Object.keys(value)
    if (keys.length === 0) return { ok: true, settings: frozenCopy({}) }
    const names = keys.map((key) => JSON.stringify(key)).join(', ')
    return { ok: false, problems: [{ path: '(top)', message: `unrecognized keys: ${names}. None are known here` }] }
  },
  jsonSchema: () => ({ type: 'object', properties: {}, additionalProperties: false }),
}

/**
 * Describes a schema as JSON Schema. A schema that has no description is refused: nothing would tell which settings are
 * secrets.
 */
const describe = (schema: Schema<unknown>, source: string): Record<string, unknown> => {
  const standard: unknown = (schema as Partial<Schema<unknown>> | null | undefined)?.['~standard']
  const { validate, jsonSchema } = (standard ?? {}) as Partial<Schema<unknown>['~standard']>
  if (typeof validate !== 'function' || typeof jsonSchema?.input !== 'function') {
    throw new OperatorError(
      'PLUGIN_SCHEMA',
      `${source}: the schema does not follow Standard Schema and Standard JSON Schema, as zod does from 4.2 on.`,
      'Take z from portreeve, or install zod 4.2 or newer for the plugin: npm install zod@4',
    )
  }
  try {
    return plainObject(jsonSchema.input({ target: 'draft-2020-12' }))
  } catch (error) {
    throw new OperatorError(
      'PLUGIN_SCHEMA',
      `${source}: the schema cannot be described as JSON Schema: ${errorText(error)}.`,
      'Install a version of the plugin that fits.',
      { cause: error },
    )
  }
}

/** Copies a JSON Schema. @throws TypeError if it is no JSON object, or very long */
const plainObject = (given: unknown): Record<string, unknown> => {
  catchPromises(given)
  const text = JSON.stringify(synchronousAnswer(given)) as string | undefined
  if (text === undefined || !text.startsWith('{')) throw new TypeError('it is no object')
  if (text.length > MAX_DESCRIPTION_CHARACTERS) throw new TypeError('it is too long')
  return frozenCopy(JSON.parse(text) as Record<string, unknown>)
}

const problemOf = (issue: SchemaIssue, description: unknown): SettingsProblem => {
  const path = (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part))
  const known = (issue as { code?: unknown }).code === 'unrecognized_keys' ? keysAt(description, path) : []
  const hint = known.length === 0 ? '' : `. Known here: ${known.join(', ')}`
  return { path: pathOf(path), message: visibleCharacters(`${issue.message}${hint}`).slice(0, MAX_MESSAGE_CHARACTERS) }
}

/** Lists the members that a JSON Schema allows at a path; none if the schema has alternatives there. */
const keysAt = (schema: unknown, [key, ...rest]: readonly PropertyKey[]): readonly string[] => {
  const { properties, items } = (schema ?? {}) as { properties?: Record<string, unknown>; items?: unknown }
  if (key === undefined) return Object.keys(properties ?? {})
  return keysAt(typeof key === 'number' ? items : properties?.[String(key)], rest)
}
