import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '../../core/config/operator-error.ts'

/** Content of a bundle for whoever helps: the findings, and what they rest on. */
export interface Bundle {
  /** Time at which it was made (ISO 8601). */
  made_at: string
  /** Version of this package. */
  version: string
  machine: Readonly<Record<string, unknown>>
  /** Settings of the configuration that are no secrets. */
  config: Readonly<Record<string, unknown>>
  findings: readonly unknown[]
  /** Status of the running client or gateway; null if it does not run. */
  status: unknown
}

/**
 * Writes a bundle as JSON to a new file, mode 0600, without any of the secrets given, and without what looks like a key.
 * @throws OperatorError BUNDLE_EXISTS, BUNDLE_FAILED
 */
export const writeBundle = async (path: string, bundle: Bundle, secrets: readonly string[]): Promise<void> => {
  const text = withoutSecrets(JSON.stringify(bundle, undefined, 2), secrets)
  try {
    // Never an existing file: as root, a link that somebody left there would lead anywhere.
    await writeFile(path, `${text}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw new OperatorError('BUNDLE_EXISTS', `${path} is there already.`, 'Name another file.')
    throw new OperatorError('BUNDLE_FAILED', `the bundle cannot be written: ${message}.`)
  }
}

/** Replaces secrets in a text: those given, credentials of URLs, and everything with the form of a key or a token. */
export const withoutSecrets = (text: string, secrets: readonly string[]): string => {
  let clean = text
  for (const secret of secrets) {
    for (const form of [secret, JSON.stringify(secret).slice(1, -1)]) {
      if (form.length >= MIN_SECRET_CHARACTERS) clean = clean.replaceAll(form, '[secret]')
    }
  }
  return clean
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/"@]*@/gi, '$1[secret]@')
    .replace(/(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])/g, '[key]')
    .replace(/\b(?:eyJ[\w-]+\.[\w-]+\.[\w-]*|SFMyNTY[\w.-]+)/g, '[token]')
}

/** Shorter texts are no secrets, and would be found everywhere. */
const MIN_SECRET_CHARACTERS = 8

/** Reads the secrets that a peer keeps on this machine, to leave them out of a bundle. */
export const keptSecrets = async (
  { state_folder: folder, token_file: tokenFile }: { state_folder: string; token_file?: string | undefined },
  env: NodeJS.ProcessEnv,
): Promise<string[]> => {
  const files = ['token', 'device-key'].map((name) => join(folder, name))
  if (tokenFile !== undefined) files.push(tokenFile)
  const kept = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))
  return [...kept, env['PORTREEVE_TOKEN'] ?? ''].map((text) => text.trim()).filter((text) => text !== '')
}
