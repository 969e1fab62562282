import { OperatorError } from '../../../core/config/operator-error.ts'
import { RESERVED_FACT_LABELS } from '../../../core/plugin/declaration.ts'
import type { PluginKind } from './plugin-kind.ts'

/** Names of a new plugin. */
export interface PluginNames {
  /** Key under which it is provided: `office-hours`. */
  key: string
  /** Name of the plugin: `condition-office-hours`. */
  plugin: string
  /** Name of its package and folder: `portreeve-condition-office-hours`. */
  package: string
}

/** Word in the files of the template that the key replaces; the fact of the template's source has it with underscores. */
const PLACEHOLDER = 'new-one'

/**
 * Derives the names of a new plugin from the name that its author gives.
 * @throws OperatorError USAGE for a name that does not fit
 */
export const pluginNames = (
  { point, prefix, what }: PluginKind,
  name: string,
  builtin: readonly string[],
): PluginNames => {
  const start = [`portreeve-${prefix}-`, `${prefix}-`, 'portreeve-'].find((each) => name.startsWith(each))
  if (start !== undefined) {
    throw new OperatorError('USAGE', `NAME is ${name}: the word ${start.slice(0, -1)} is added to it.`, `Write ${name.slice(start.length) || 'another name'}.`) // prettier-ignore
  }
  if (!/^(?=.{1,40}$)[a-z][a-z\d]*(?:-[a-z\d]+)*$/.test(name)) {
    throw new OperatorError('USAGE', `NAME is ${JSON.stringify(name)}, which is no name of a plugin.`, 'Write lower-case words joined by dashes, at most 40 characters: office-hours.') // prettier-ignore
  }
  const plugin = `${prefix}-${name}`
  if (builtin.includes(plugin)) {
    throw new OperatorError('USAGE', `There is a built-in plugin ${plugin} already.`, 'Choose another name: two plugins of one name are not loaded together.') // prettier-ignore
  }
  if (point === 'fact-sources' && RESERVED_FACT_LABELS.has(snakeCase(name))) {
    throw new OperatorError('USAGE', `The fact of ${what}, named ${name}, would begin with ${snakeCase(name)}, which hosts keep.`, `Choose another name than ${[...RESERVED_FACT_LABELS].join(', ')}.`) // prettier-ignore
  }
  return { key: name, plugin, package: `portreeve-${plugin}` }
}

/** Replaces the template's names in one of its files. */
export const withNames = (text: string, { key }: PluginNames): string =>
  text.replaceAll(PLACEHOLDER, key).replaceAll(snakeCase(PLACEHOLDER), snakeCase(key))

const snakeCase = (name: string): string => name.replaceAll('-', '_')
