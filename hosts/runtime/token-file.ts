import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { OperatorError } from '../../core/config/operator-error.ts'
import { Secret } from '../../core/runtime/secret.ts'
import { findSecretFile, readSecretFile } from './secret-file.ts'

const NAME = 'the token file'

/**
 * Reads a token from a file that only its owner reads; undefined where there is none.
 * @throws OperatorError SECRET_FILE_MODE where others may read it, SECRET_FILE_UNREADABLE, SECRET_FILE_INVALID
 */
export const readTokenFile = async (path: string): Promise<Secret | undefined> => {
  const token = (await findSecretFile({ path, name: NAME }))?.reveal().trim()
  if (token === undefined) return undefined
  // Anything else would be refused as a header, with the token in the message.
  if (!/^[A-Za-z0-9._~-]+$/.test(token)) throw new OperatorError('SECRET_FILE_INVALID', `${path} holds no token.`)
  return new Secret(token)
}

/** Reads a token that has to be there. @throws OperatorError as `readTokenFile`, and SECRET_FILE_MISSING */
export const needTokenFile = async (path: string): Promise<Secret> =>
  (await readTokenFile(path)) ?? (await readSecretFile({ path, name: NAME }))

/** Keeps a token, mode 0600 from its first byte, replacing another at once. */
export const writeTokenFile = async (path: string, token: Secret): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const written = `${path}.new`
  await rm(written, { force: true })
  await writeFile(written, `${token.reveal()}\n`, { mode: 0o600, flag: 'wx' })
  await chmod(written, 0o600)
  await rename(written, path)
}

/** Forgets a token. */
export const removeTokenFile = (path: string): Promise<void> => rm(path, { force: true })
