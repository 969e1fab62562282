import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { OperatorError } from '../../core/config/operator-error.ts'
import { Secret } from '../../core/config/secret.ts'

/** Longer is no token. */
const LIMIT_BYTES = 4_096

/**
 * Reads a token from a file that only its owner reads; undefined where there is none.
 * @throws OperatorError TOKEN_FILE_MODE where others may read it, TOKEN_FILE_INVALID
 */
export const readTokenFile = async (path: string): Promise<Secret | undefined> => {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new OperatorError('TOKEN_FILE_INVALID', `the token file cannot be read: ${error.message}.`)
  })
  if (found === undefined) return undefined
  if ((found.mode & 0o077) !== 0) {
    throw new OperatorError('TOKEN_FILE_MODE', `others may read the token file ${path}.`, `Run: chmod 600 ${path}`)
  }
  if (found.size > LIMIT_BYTES) throw new OperatorError('TOKEN_FILE_INVALID', `${path} is too long for a token.`)
  const text = (await readFile(path, 'utf8')).trim()
  // Anything else would be refused as a header, with the token in the message.
  if (!/^[A-Za-z0-9._~-]+$/.test(text)) throw new OperatorError('TOKEN_FILE_INVALID', `${path} holds no token.`)
  return new Secret(text)
}

/** Reads a token that has to be there. @throws OperatorError TOKEN_FILE_MODE, TOKEN_FILE_INVALID */
export const needTokenFile = async (path: string): Promise<Secret> => {
  const token = await readTokenFile(path)
  if (token !== undefined) return token
  throw new OperatorError('TOKEN_FILE_INVALID', `the token file ${path} is not there.`, 'Write it, mode 0600.')
}

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
