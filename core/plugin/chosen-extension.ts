import { OperatorError } from '../config/operator-error.ts'
import type { Extension, Extensions } from '../contract/extension-point.ts'

/**
 * Returns the extension that a configuration names by `key`; without a key, the only one that the plugins provide.
 * Error texts use the rest: `what` names the kind (`tunnel transport`), `setting` the configuration's key for the
 * choice, `prefix` starts the names of such plugins (`transport-`).
 * @throws OperatorError PLUGIN_MISSING if no plugin provides it, PLUGIN_CHOICE if there are several and `key` is
 * undefined
 */
export const chosenExtension = <T>(
  extensions: Extensions<T>,
  { key, what, setting, prefix }: { key: string | undefined; what: string; setting: string; prefix: string },
): Extension<T> => {
  const [first, ...others] = extensions.values()
  if (first === undefined) {
    const remedy = `Add to plugins: use: builtin:${prefix}NAME. It may be an npm package as well.`
    throw new OperatorError('PLUGIN_MISSING', `no plugin provides a ${what}.`, remedy)
  }
  const loaded = [...extensions.keys()].join(', ')
  if (key === undefined) {
    if (others.length === 0) return first
    throw new OperatorError(
      'PLUGIN_CHOICE',
      `the plugins provide more than one ${what}: ${loaded}.`,
      `Write which one to use: ${setting}: ${first.key}`,
    )
  }
  const chosen = extensions.get(key)
  if (chosen !== undefined) return chosen
  throw new OperatorError('PLUGIN_MISSING', `no plugin provides the ${what} "${key}". The plugins provide: ${loaded}.`)
}
