import { OperatorError } from '../config/operator-error.ts'
import type { PluginEntry } from '../config/parse-config.ts'
import type { PointName } from '../contract/contracts.ts'
import type { Schema } from '../contract/schema.ts'
import { PLUGIN_API, type PluginContext, type PluginDefinition, type Provide } from './define-plugin.ts'
import { errorText } from './error-text.ts'
import { frozenCopy } from './frozen-copy.ts'
import { settingsSchema } from './settings-schema.ts'
import { synchronousAnswer } from './synchronous-answer.ts'

/** Plugin that a host's configuration lists. */
export interface PluginUse {
  definition: PluginDefinition
  /** Configuration of the plugin, not validated yet. */
  config: unknown
  /** Place in the configuration, for error texts: `plugins[2]`. */
  source: string
  /** Name in the configuration: `builtin:condition-x`, or an npm package. */
  use?: string
  /** Version of the plugin's package; undefined for one that comes with the host, or whose manifest has none. */
  version?: string | undefined
  /** Folder of the plugin's package; undefined for one that comes with the host. */
  folder?: string | undefined
  /** Whether the configuration wants the plugin to run in a thread of its own; absent: it does not. */
  isIsolated?: boolean
  /** Entry of the configuration; absent for a plugin that none lists. */
  entry?: PluginEntry
}

/** Arguments of one call of `provide`. */
export interface Declared {
  point: PointName
  key: string
  declaration: unknown
}

/** Valid key of an extension. Keys appear in configuration files, database columns and URLs. */
const KEY = /^(?=.{1,63}$)[a-z][a-z\d]*(?:-[a-z\d]+)*$/

/**
 * Validates a plugin's configuration and runs its `setup`. Returns the declarations that it made, in order.
 * @throws OperatorError PLUGIN_API_MISMATCH, CONFIG_INVALID, PLUGIN_SCHEMA, PLUGIN_SETUP_FAILED, PLUGIN_PROVIDE_LATE
 */
export const runSetup = ({ definition, config, source }: PluginUse, context: PluginContext): readonly Declared[] => {
  if (definition.api !== PLUGIN_API) {
    throw new OperatorError(
      'PLUGIN_API_MISMATCH',
      `${source}: the plugin ${definition.name} is made for plugin API ${String(definition.api)}, this host has ${PLUGIN_API}.`,
      'Install a version of the plugin that fits.',
    )
  }
  const named = `${source}: ${definition.name}`
  const declared: Declared[] = []
  let isOver = false
  const provide: Provide = ({ name: point }, key, declaration) => {
    if (isOver) {
      throw new OperatorError('PLUGIN_PROVIDE_LATE', `${named} provides "${key}" of ${point} after its setup.`)
    }
    if (typeof key !== 'string' || !KEY.test(key)) {
      throw new OperatorError('PLUGIN_SETUP_FAILED', `${named} provides ${errorText(key)} of ${point}, which is no key: lower-case words joined by dashes, at most 63 characters.`) // prettier-ignore
    }
    declared.push({ point, key, declaration })
    return undefined
  }
  const parsed = readConfig(definition.config, config, `${source}.config (${definition.name})`)
  try {
    // An async `setup` would call `provide` after its declarations have been read.
    synchronousAnswer<unknown>(definition.setup({ config: parsed, provide, context: frozenCopy(context) }))
  } catch (error) {
    if (error instanceof OperatorError) throw error
    throw setupFailed(`${source}: the setup of ${definition.name} failed`, error)
  } finally {
    isOver = true
  }
  return declared
}

/** Makes the error of a plugin whose code failed while it was set up: PLUGIN_SETUP_FAILED. */
export const setupFailed = (what: string, cause: unknown): OperatorError =>
  new OperatorError('PLUGIN_SETUP_FAILED', `${what}: ${errorText(cause)}.`, undefined, { cause })

/**
 * Validates the configuration of a plugin.
 * @throws OperatorError CONFIG_INVALID, with the path of each problem
 */
const readConfig = (schema: Schema<unknown> | undefined, config: unknown, source: string): unknown => {
  if (schema === undefined && config === undefined) return {}
  const verdict =
    schema === undefined
      ? { ok: false as const, problems: [{ path: '(top)', message: 'this plugin takes no configuration' }] }
      : settingsSchema(schema, source).safeParse(config === undefined ? {} : config)
  if (verdict.ok) return verdict.settings
  const problems = verdict.problems.map(({ path, message }) => `  ${path}: ${message}`)
  throw new OperatorError('CONFIG_INVALID', `${source} is not valid:\n${problems.join('\n')}`)
}
