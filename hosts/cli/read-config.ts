import { readFile } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import type { Document } from 'yaml'
import type { z } from 'zod'
import { OperatorError } from '../../core/config/operator-error.ts'
import { Secret } from '../../core/runtime/secret.ts'
import { packageRoot } from '../runtime/process/package-root.ts'
import { installedConfig } from './installed-config.ts'

/** Maximum length of a configuration file, far above any real one. */
const MAX_CONFIG_CHARACTERS = 1_000_000

/** Settings that environment variables override. */
const OVERRIDES = {
  PORTREEVE_PORTAL_URL: 'portal_url',
  PORTREEVE_NAME: 'name',
  PORTREEVE_ID: 'id',
  PORTREEVE_SOCKET: 'socket',
  PORTREEVE_ACCOUNT: 'account',
  PORTREEVE_EPHEMERAL: 'ephemeral',
} as const

/** Values of environment variables that stand for booleans. */
const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
])

/** Settings of the packaged example configurations that are placeholders. */
const EXAMPLES = ['portal_url', 'account'] as const

/** Settings whose values are paths relative to the configuration file's folder. */
const PATHS = [
  'state_folder',
  'token_file',
  'ca_file',
  'socket',
  'listen.tls.certificate_file',
  'listen.tls.key_file',
  'websocket.certificate_file',
  'websocket.key_file',
  'database.password_file',
  'database.tls.ca_file',
] as const

export interface ConfigSource<Schema extends z.ZodObject> {
  schema: Schema
  /** Path of the configuration file, if given. */
  file: string | undefined
  /**
   * Name of the file in /etc/portreeve that is used if no file is given. If it does not exist, the packaged example is
   * used, without its placeholders: portal and account come from the environment.
   */
  fallback: 'gateway.yaml' | 'client.yaml' | 'portal.yaml' | 'relay.yaml'
  env: NodeJS.ProcessEnv
}

/**
 * Reads a host's configuration: the file, then the environment, then the schema.
 * @throws OperatorError CONFIG_MISSING, CONFIG_UNREADABLE, CONFIG_SYNTAX (with line and column), CONFIG_INVALID (with
 * each path)
 */
export const readConfig = async <Schema extends z.ZodObject>({
  schema,
  file,
  fallback,
  env,
}: ConfigSource<Schema>): Promise<{ config: z.infer<Schema>; file: string }> => {
  const own = file ?? installedConfig(fallback)
  const path = own ?? join(packageRoot(), 'config', fallback)
  const value = await readYaml(path)
  if (own === undefined) for (const key of EXAMPLES) delete value[key]
  for (const [variable, key] of Object.entries(OVERRIDES)) {
    const set = env[variable]
    if (set !== undefined && set !== '' && key in schema.shape)
      value[key] = key === 'ephemeral' ? (FLAGS.get(set) ?? set) : set
  }
  if (own === undefined && 'portal_url' in schema.shape && value['portal_url'] === undefined) {
    throw new OperatorError(
      'CONFIG_MISSING',
      'no portal is configured.',
      `Name a configuration, --config ${fallback}, or set PORTREEVE_PORTAL_URL.`,
    )
  }
  const { parseConfig } = await import('../../core/config/parse-config.ts')
  const config = parseConfig(schema, value, path)
  const folder = dirname(resolve(path))
  const absolute = PATHS.reduce<unknown>((whole, at) => withAbsolute(whole, at.split('.'), folder), config)
  return { config: absolute as z.infer<Schema>, file: path }
}

/**
 * Reads a host's configuration as `readConfig`; returns undefined where no portal is configured, as where
 * PORTREEVE_SOCKET alone says which client is meant.
 */
export const configIfAny = async <Schema extends z.ZodObject>(
  source: ConfigSource<Schema>,
): Promise<z.infer<Schema> | undefined> => {
  try {
    return (await readConfig(source)).config
  } catch (error) {
    if (error instanceof OperatorError && error.code === 'CONFIG_MISSING') return undefined
    throw error
  }
}

const withAbsolute = (value: unknown, [key, ...rest]: readonly string[], folder: string): unknown => {
  if (key === undefined) return typeof value === 'string' && !isAbsolute(value) ? join(folder, value) : value
  if (typeof value !== 'object' || value === null || !(key in value)) return value
  return { ...value, [key]: withAbsolute((value as Record<string, unknown>)[key], rest, folder) }
}

/** Returns the token of PORTREEVE_TOKEN and removes it from the environment, which child processes inherit. */
export const takeToken = (env: NodeJS.ProcessEnv): Secret | undefined => {
  const token = env['PORTREEVE_TOKEN']?.trim()
  delete env['PORTREEVE_TOKEN']
  return token === undefined || token === '' ? undefined : new Secret(token)
}

/** Reads a YAML file, which must be a map, as plain data. @throws OperatorError CONFIG_UNREADABLE, CONFIG_SYNTAX */
export const readYaml = async (path: string): Promise<Record<string, unknown>> => {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new OperatorError(
      'CONFIG_UNREADABLE',
      `the configuration ${path} cannot be read: ${error.code ?? error.message}.`,
    )
  })
  if (text.length > MAX_CONFIG_CHARACTERS) throw new OperatorError('CONFIG_UNREADABLE', `${path} is too long.`)
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text, { prettyErrors: true })
  const [problem] = document.errors
  if (problem !== undefined) throw new OperatorError('CONFIG_SYNTAX', `${path}: ${problem.message}`)
  const value: unknown = toData(document, path)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new OperatorError('CONFIG_SYNTAX', `${path} has to be a map of settings, \`key: value\` in lines.`)
}

const toData = (document: Document.Parsed, path: string): unknown => {
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    throw new OperatorError('CONFIG_SYNTAX', `${path}: ${String(error)}`)
  }
}
