import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { OperatorError } from '../../core/config/operator-error.ts'
import { Secret } from '../../core/runtime/secret.ts'
import { findSecretFile, readSecretFile } from './secret-file.ts'

const NAME = 'the token file'

/**
 * Reads a token from a file that only its owner may read; undefined if there is no file.
 * @throws OperatorError SECRET_FILE_MODE if others may read it, SECRET_FILE_UNREADABLE, SECRET_FILE_INVALID
 */
export const readTokenFile = async (path: string): Promise<Secret | undefined> => {
  const token = (await findSecretFile({ path, name: NAME }))?.reveal().trim()
  if (token === undefined) return undefined
  // Node refuses other characters in a header with an error that prints the token.
  if (!/^[A-Za-z0-9._~-]+$/.test(token)) throw new OperatorError('SECRET_FILE_INVALID', `${path} holds no token.`)
  return new Secret(token)
}

/** Reads a token that must exist. @throws OperatorError as `readTokenFile`, and SECRET_FILE_MISSING */
export const needTokenFile = async (path: string): Promise<Secret> =>
  (await readTokenFile(path)) ?? (await readSecretFile({ path, name: NAME }))

/** Writes a token to a file, mode 0600 from its first byte, and replaces an earlier token atomically. */
export const writeTokenFile = async (path: string, token: Secret): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const written = `${path}.new`
  await rm(written, { force: true })
  await writeFile(written, `${token.reveal()}\n`, { mode: 0o600, flag: 'wx' })
  await chmod(written, 0o600)
  await rename(written, path)
}

export const removeTokenFile = (path: string): Promise<void> => rm(path, { force: true })
