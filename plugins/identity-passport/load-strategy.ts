import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { OperatorError } from 'portreeve'
import type { StrategyConfig } from './config.ts'
import type { StrategyClass, Verify } from './strategy.ts'

/** Place of a strategy in the configuration, for error texts, and the folder that its paths begin in. */
export interface Place {
  key: string
  folder: string
}

/**
 * Imports the class of a strategy.
 * @throws OperatorError PASSPORT_PACKAGE, PASSPORT_EXPORT
 */
export const importStrategy = async (config: StrategyConfig, place: Place): Promise<StrategyClass> => {
  const exported = await importFrom(config.package, { ...place, what: 'package' })
  const found = memberOf(exported, config.export)
  if (typeof found === 'function') return found as StrategyClass
  throw new OperatorError(
    'PASSPORT_EXPORT',
    `identity-passport: ${place.key}: ${config.package} has no class ${config.export}.`,
    'Name the class of the strategy in "export".',
  )
}

/**
 * Imports the operator's function `verify`.
 * @throws OperatorError PASSPORT_PACKAGE, PASSPORT_EXPORT
 */
export const importVerify = async (path: string, place: Place): Promise<Verify> => {
  const found = memberOf(await importFrom(path, { ...place, what: 'verify' }), 'verify')
  if (typeof found === 'function') return found as Verify
  throw new OperatorError(
    'PASSPORT_EXPORT',
    `identity-passport: ${place.key}: ${path} has no function verify.`,
    'Export one that takes what the strategy finds out, and calls its last argument with the person.',
  )
}

/** Returns a module's member, that of its CommonJS exports, or these exports themselves. */
const memberOf = (exported: unknown, name: string): unknown => {
  const { default: whole } = exported as { default?: unknown }
  const candidates = [exported, whole].map((from) => (from as Record<string, unknown> | null | undefined)?.[name])
  return [...candidates, whole].find((each) => typeof each === 'function')
}

const importFrom = async (name: string, { key, folder, what }: Place & { what: string }): Promise<unknown> => {
  const isPath = /^\.{0,2}\//.test(name)
  try {
    // The file of the configuration need not exist: packages are looked up from its folder.
    const file = isPath ? resolve(folder, name) : createRequire(join(folder, 'portal.yaml')).resolve(name)
    return (await import(pathToFileURL(file).href)) as unknown
  } catch (cause) {
    const isMissing = ['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes((cause as { code?: string }).code ?? '')
    const about = `identity-passport: ${key}: ${what} ${name}`
    throw isMissing && !isPath
      ? new OperatorError('PASSPORT_PACKAGE', `${about} is not installed where the configuration file is.`, `Run: npm install ${name}`, { cause }) // prettier-ignore
      : new OperatorError('PASSPORT_PACKAGE', `${about} cannot be imported: ${String(cause)}.`, undefined, { cause })
  }
}
