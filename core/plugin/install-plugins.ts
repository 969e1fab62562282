import { z } from 'zod'
import { OperatorError } from '../config/operator-error.ts'
import { parseConfig, pathOf } from '../config/parse-config.ts'
import type { Constructor, Container } from '../di.ts'
import type { Startable } from '../runtime/lifecycle.ts'
import { PLUGIN_API, type PluginDefinition, type ProvideOptions } from './define-plugin.ts'
import { errorText } from './error-text.ts'
import type { Extension, ExtensionPoint, SettingsSchema } from './extension-point.ts'
import { frozenCopy } from './frozen-copy.ts'
import { sharesDescriptions } from './shared-descriptions.ts'
import { synchronousAnswer } from './synchronous-answer.ts'

export interface PluginUse {
  definition: PluginDefinition
  config: unknown
  /** Where the configuration names it, for errors: `plugins[2]`. */
  source: string
}

export interface InstalledPlugin {
  name: string
  version: string
  provides: { point: string; key: string }[]
}

export interface Installation {
  plugins: readonly InstalledPlugin[]
  /** What of the plugins has a start and a stop, in order. */
  parts: readonly Startable[]
}

/**
 * Lets each plugin declare, builds what it declares from the host's ports, and registers each extension point of the host as one
 * map. Nothing is started.
 * @throws OperatorError PLUGIN_API_MISMATCH, PLUGIN_DUPLICATE, PLUGIN_DUPLICATE_KEY, PLUGIN_SETUP_FAILED, PLUGIN_SETTINGS_SCHEMA,
 * CONFIG_INVALID
 */
export const installPlugins = (
  container: Container,
  points: readonly ExtensionPoint<unknown>[],
  uses: readonly PluginUse[],
  hostVersion: string,
): Installation => {
  const maps = new Map(points.map((point) => [point.name, new Map<string, Extension<unknown>>()]))
  const plugins: InstalledPlugin[] = []
  const parts: Startable[] = []

  for (const { definition, config, source } of uses) {
    if (definition.api !== PLUGIN_API) {
      throw new OperatorError(
        'PLUGIN_API_MISMATCH',
        `${source}: the plugin ${definition.name} is made for plugin API ${String(definition.api)}, this host has ${PLUGIN_API}.`,
        'Install a version of the plugin that fits.',
      )
    }
    if (plugins.some((plugin) => plugin.name === definition.name)) {
      throw new OperatorError(
        'PLUGIN_DUPLICATE',
        `${source}: the plugin ${definition.name} is already listed.`,
        'List it once.',
      )
    }
    const installed: InstalledPlugin = {
      name: definition.name,
      version: definition.version ?? hostVersion,
      provides: [],
    }
    plugins.push(installed)

    const provide = <T>(
      point: ExtensionPoint<T>,
      key: string,
      type: Constructor<T>,
      options: ProvideOptions = {},
    ): void => {
      const map = maps.get(point.name)
      // A plugin may serve several kinds of host: what this one has no use for is left out.
      if (map === undefined) return
      const other = map.get(key)
      if (other !== undefined) {
        throw new OperatorError(
          'PLUGIN_DUPLICATE_KEY',
          `${source}: ${definition.name} provides the key "${key}" of ${point.name}, which ${other.plugin} provides already.`,
          'Remove one of the two.',
        )
      }
      const value = container.build(type)
      map.set(key, {
        key,
        plugin: installed.name,
        version: installed.version,
        value,
        settings: settingsSchema(options.settings, `${source}: ${definition.name} provides "${key}" of ${point.name}`),
      })
      installed.provides.push({ point: point.name, key })
      if (isStartable(value)) parts.push(value)
    }

    const parsed = parseConfig(definition.config ?? NoConfig, config, `${source}.config (${definition.name})`)
    try {
      // A promise would go on declaring when nobody looks any more.
      synchronousAnswer<unknown>(definition.setup({ config: parsed, provide }))
    } catch (error) {
      if (error instanceof OperatorError) throw error
      throw new OperatorError(
        'PLUGIN_SETUP_FAILED',
        `${source}: the setup of ${definition.name} failed: ${errorText(error)}.`,
        undefined,
        {
          cause: error,
        },
      )
    }
  }

  for (const point of points)
    container.value(point.token, maps.get(point.name) ?? new Map<string, Extension<unknown>>())
  return { plugins, parts }
}

const NoConfig = z.undefined({ error: 'this plugin takes no configuration' })

const isStartable = (value: unknown): value is Startable =>
  typeof value === 'object' && value !== null && ('start' in value || 'stop' in value)

const settingsSchema = (schema: z.ZodType = z.strictObject({}), source: string): SettingsSchema => ({
  // The schema is the plugin's code, too: it is handed a copy, and what comes of it is nobody's to change.
  safeParse: (value) => {
    try {
      const result = schema.safeParse(frozenCopy(value))
      if (result.success) return { ok: true, settings: frozenCopy(result.data) }
      return { ok: false, problems: result.error.issues.map(({ path, message }) => ({ path: pathOf(path), message })) }
    } catch (error) {
      return { ok: false, problems: [{ path: '', message: `the plugin cannot check them: ${errorText(error)}` }] }
    }
  },
  jsonSchema: always(describe(schema, source)),
})

const always =
  <T>(value: T) =>
  (): T =>
    value

/** What cannot be described cannot be shown without its secrets either. */
const describe = (schema: z.ZodType, source: string): Record<string, unknown> => {
  let isDescribed = true
  try {
    return z.toJSONSchema(schema, {
      io: 'input',
      override: ({ zodSchema }) => {
        isDescribed &&= sharesDescriptions(zodSchema)
        if (!isDescribed) throw new TypeError('a part of them is made by a zod whose descriptions are its own')
      },
    })
  } catch (error) {
    throw new OperatorError(
      'PLUGIN_SETTINGS_SCHEMA',
      `${source}, whose settings cannot be described as JSON Schema: ${errorText(error)}.`,
      isDescribed
        ? 'Install a version of the plugin that fits.'
        : 'Install zod 4.2 or newer for the plugin: npm install zod@4',
      { cause: error },
    )
  }
}
