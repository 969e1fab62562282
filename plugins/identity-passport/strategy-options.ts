import { OperatorError, type SecretFiles } from 'portreeve'
import type { StrategyConfig } from './config.ts'
import type { Secrets } from './refusal.ts'

type Options = Record<string, unknown>

/**
 * Reads the secrets of a strategy into a copy of its options. Returns them with the secrets, which must not be in a log.
 * @throws OperatorError SECRET_FILE_…, PASSPORT_OPTIONS if a secret's name leads to no object
 */
export const optionsWithSecrets = async (
  { options, secret_files: files }: StrategyConfig,
  { key, secretFiles }: { key: string; secretFiles: SecretFiles },
): Promise<{ options: Options | undefined; secrets: Secrets }> => {
  const entries = Object.entries(files)
  if (options === undefined && entries.length === 0) return { options: undefined, secrets: new Set() }
  const filled: Options = structuredClone(options ?? {})
  const secrets = new Set<string>()
  for (const [name, path] of entries) {
    const about = `identity-passport: ${key}: secret_files.${name}`
    const secret = (await secretFiles.read({ path, name: about })).reveal()
    secrets.add(secret)
    setAt(filled, name.split('.'), { secret, about })
  }
  return { options: filled, secrets }
}

const setAt = (options: Options, [first = '', ...rest]: string[], what: { secret: string; about: string }): void => {
  const [next] = rest
  if (next === undefined) {
    Object.defineProperty(options, first, { value: what.secret, enumerable: true, writable: true, configurable: true })
    return
  }
  const inner = Object.hasOwn(options, first) ? options[first] : undefined
  if (typeof inner !== 'object' || inner === null) {
    throw new OperatorError(
      'PASSPORT_OPTIONS',
      `${what.about}: the option ${first} is no object.`,
      'Add it to "options".',
    )
  }
  setAt(inner as Options, rest, what)
}
