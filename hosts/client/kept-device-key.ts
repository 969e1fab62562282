import { chmod, link, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '../../core/config/operator-error.ts'
import { Ed25519PrivateKey } from '../../core/crypto/ed25519.ts'
import { fromBase64Url, toBase64Url } from '../../core/crypto/text-encoding.ts'
import type { Random } from '../../core/runtime/random.ts'
import { readSecretFile } from '../runtime/secret-file.ts'

/**
 * Returns the device key kept in a folder's file `device-key` (mode 0600), which never leaves the machine; makes one if
 * there is none yet.
 * @throws OperatorError SECRET_FILE_MODE if others may read it, SECRET_FILE_UNREADABLE, SECRET_FILE_INVALID
 */
export const keptDeviceKey = async (folder: string, random: Random): Promise<Ed25519PrivateKey> => {
  const path = join(folder, 'device-key')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await makeKey(path, random)
  const text = (await readSecretFile({ path, name: 'the device key' })).reveal()
  const seed = fromBase64Url(text)
  if (seed?.length === 32) return new Ed25519PrivateKey(seed)
  throw new OperatorError(
    'SECRET_FILE_INVALID',
    `the device key ${path} holds no key.`,
    'Remove it: a new one is made, and an admin verifies the device anew after removing its row.',
  )
}

/** Makes a key file atomically, and never replaces an existing one, even if two processes make one at the same time. */
const makeKey = async (path: string, random: Random): Promise<void> => {
  const written = `${path}.${toBase64Url(random.bytes(6))}`
  try {
    await writeFile(written, `${toBase64Url(random.bytes(32))}\n`, { mode: 0o600, flag: 'wx' })
    await chmod(written, 0o600)
    await link(written, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(written, { force: true })
  }
}
