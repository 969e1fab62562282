import { OperatorError } from '../config/operator-error.ts'
import type { Extensions } from '../contract/extension-point.ts'

/**
 * Returns the extension with a key that a host cannot do without. `what` and `use` tell the operator what is missing
 * and which plugin provides it.
 * @throws OperatorError `PLUGIN_MISSING`
 */
export const requiredExtension = <T>(
  extensions: Extensions<T>,
  { key, what, use }: { key: string; what: string; use: string },
): T => {
  const extension = extensions.get(key)
  if (extension !== undefined) return extension.value
  throw new OperatorError('PLUGIN_MISSING', `no plugin provides the ${what} "${key}".`, `Add to plugins: use: ${use}`)
}
