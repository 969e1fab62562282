import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { hmacSha256 } from '../../../core/crypto/hash.ts'
import { fromHex, toHex } from '../../../core/crypto/text-encoding.ts'
import type { Random } from '../../../core/runtime/random.ts'
import { giveToFolderOwner } from '../../runtime/folder-owner.ts'
import { findCredential } from '../../runtime/secret-file.ts'

/** Environment variable with the key in 64 hex digits, for use in place of the key file. */
const SECRET_KEY_VARIABLE = 'PORTREEVE_SECRET_KEY'

export interface SecretKeySource {
  /** Directory of the key file. */
  directory: string
  environment: Readonly<Record<string, string | undefined>>
  random: Random
}

/**
 * Loads the portal's only secret: 32 bytes from the environment, or else from systemd's credential `secret-key`, or else
 * from a file of mode 0600, which is created at the first start. A thief of the key can forge neither tokens (the database has their hashes) nor sessions (rows of
 * the database), but can read and forge the sealed cookies of unfinished sign-ins, and with them the state that a
 * provider's plugin keeps in the browser between two steps.
 * @throws OperatorError SECRET_KEY_INVALID, SECRET_KEY_EXPOSED
 */
export const loadSecretKey = async ({ directory, environment, random }: SecretKeySource): Promise<Uint8Array> => {
  const given = await givenKey({ directory, environment })
  if (given !== undefined) return given
  const path = keyFileIn(directory)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  try {
    await writeFile(path, toHex(random.bytes(32)), { mode: 0o600, flag: 'wx' })
    await chmod(path, 0o600)
    await giveToFolderOwner(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readSecretKey(path)
}

/** Finds the portal's secret key as `loadSecretKey` does, but makes none: undefined if there is none. */
export const findSecretKey = async (source: Omit<SecretKeySource, 'random'>): Promise<Uint8Array | undefined> => {
  const given = await givenKey(source)
  if (given !== undefined) return given
  const path = keyFileIn(source.directory)
  return existsSync(path) ? readSecretKey(path) : undefined
}

/** Reads a secret key from a file of mode 0600. @throws OperatorError SECRET_KEY_INVALID, SECRET_KEY_EXPOSED */
export const readSecretKey = async (path: string): Promise<Uint8Array> => {
  if (((await stat(path)).mode & 0o077) !== 0) {
    throw new OperatorError('SECRET_KEY_EXPOSED', `${path} can be read by others.`, `Run: chmod 600 ${path}`)
  }
  return parseKey((await readFile(path, 'utf8')).trim(), path)
}

const keyFileIn = (directory: string): string => join(directory, 'secret-key')

/** Returns the key of the environment, or of systemd's credential. */
const givenKey = async ({
  directory,
  environment,
}: Omit<SecretKeySource, 'random'>): Promise<Uint8Array | undefined> => {
  const given = environment[SECRET_KEY_VARIABLE]
  if (given !== undefined) return parseKey(given, SECRET_KEY_VARIABLE)
  const credential = await findCredential({ path: keyFileIn(directory), name: 'the secret key' })
  return credential === undefined ? undefined : parseKey(credential.reveal().trim(), 'the credential secret-key')
}

/** Derives a key for one purpose, so that a signature or seal made for one purpose is worthless for another. */
export const derivedKey = (key: Uint8Array, purpose: string): Uint8Array => hmacSha256(key, `portreeve/${purpose}`)

const parseKey = (text: string, source: string): Uint8Array => {
  const key = fromHex(text)
  if (key?.length === 32) return key
  throw new OperatorError('SECRET_KEY_INVALID', `${source} is not a key.`, 'It has to be 64 hex digits.')
}
