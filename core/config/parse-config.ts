import { z } from 'zod'
import { OperatorError } from './operator-error.ts'

/**
 * Validates a configuration value against a strict schema.
 * @throws OperatorError CONFIG_INVALID, with each problem's path, on any mismatch.
 */
export const parseConfig = <T>(schema: z.ZodType<T>, value: unknown, source: string): T => {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const problems = result.error.issues.map(
    (issue) => `  ${pathOf(issue.path)}: ${issue.message}${allowedKeys(schema, issue)}`,
  )
  throw new OperatorError('CONFIG_INVALID', `${source} is not valid:\n${problems.join('\n')}`)
}

/** Lists the allowed keys, to be appended to the problem of an unknown key; empty for other problems. */
const allowedKeys = (schema: z.ZodType, issue: z.core.$ZodIssue): string => {
  if (issue.code !== 'unrecognized_keys') return ''
  const keys = keysAt(schema, issue.path)
  return keys.length === 0 ? '' : `. Known here: ${keys.join(', ')}`
}

const keysAt = (schema: unknown, [key, ...rest]: readonly PropertyKey[]): readonly string[] => {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return keysAt(schema.unwrap(), key === undefined ? [] : [key, ...rest])
  }
  if (schema instanceof z.ZodArray) return key === undefined ? [] : keysAt(schema.element, rest)
  if (!(schema instanceof z.ZodObject)) return []
  return key === undefined ? Object.keys(schema.shape) : keysAt(schema.shape[String(key)], rest)
}

/** Formats a path as `plugins[2].config.port`; an empty path as `(top)`. */
export const pathOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`),
    '',
  ) || '(top)'

/** The entry of one plugin in a host's configuration. */
export const PluginEntry = z.strictObject({
  use: z.string().min(1).describe('builtin:NAME, or an npm package name resolved from the configuration file'),
  config: z.unknown().optional(),
  isolation: z
    .literal('worker')
    .optional()
    .describe('worker: its conditions, selectors and fact sources run in a thread of their own; portals only'),
})
export type PluginEntry = z.infer<typeof PluginEntry>
