import { open, type FileHandle } from 'node:fs/promises'
import { resolve } from 'node:path'
import { OperatorError } from '../../core/config/operator-error.ts'
import { Secret } from '../../core/runtime/secret.ts'
import type { SecretFile, SecretFiles } from '../../core/runtime/secret-files.ts'
import { credentialFor } from './credentials.ts'

/** Maximum size of a secret file; a longer file is not a secret and is refused. */
const MAX_SECRET_BYTES = 4_096
/** Permissions of group and others, which a secret file must not have. */
const OF_OTHERS = 0o077
/** The same for a systemd credential, whose access list shows as permission of the group where the owner is another user. */
const OF_OTHERS_THAN_SERVICE = 0o037

/**
 * Reads a secret from the systemd credential that stands for a file, else from that file, which only its owner may
 * read; undefined if there is neither.
 * @throws OperatorError SECRET_FILE_MODE, SECRET_FILE_UNREADABLE, SECRET_FILE_INVALID
 */
export const findSecretFile = async (file: SecretFile): Promise<Secret | undefined> =>
  (await findCredential(file)) ?? (await readPrivate(file, OF_OTHERS))

/**
 * Reads the systemd credential that stands for a secret file; undefined if there is none.
 * @throws OperatorError as `findSecretFile`
 */
export const findCredential = async ({ path, name }: SecretFile): Promise<Secret | undefined> => {
  const credential = await credentialFor(path)
  return credential === undefined ? undefined : readPrivate({ path: credential, name }, OF_OTHERS_THAN_SERVICE)
}

const readPrivate = async ({ path, name }: SecretFile, refusedMode: number): Promise<Secret | undefined> => {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    // The open file is checked, not its path, which may name another file meanwhile.
    const { mode, size } = await file.stat()
    if ((mode & refusedMode) !== 0) {
      throw new OperatorError('SECRET_FILE_MODE', `others may read ${name} ${path}.`, `Run: chmod 600 ${path}`)
    }
    if (size > MAX_SECRET_BYTES) throw new OperatorError('SECRET_FILE_INVALID', `${name} ${path} is too long.`)
    const text = (await file.readFile('utf8')).trimEnd()
    if (text === '') throw new OperatorError('SECRET_FILE_INVALID', `${name} ${path} is empty.`)
    return new Secret(text)
  } catch (error) {
    if (error instanceof OperatorError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new OperatorError('SECRET_FILE_UNREADABLE', `${name} ${path} cannot be read: ${code ?? message}.`)
  } finally {
    await file?.close()
  }
}

/** Reads a secret that must exist. @throws OperatorError as `findSecretFile`, and SECRET_FILE_MISSING */
export const readSecretFile = async (file: SecretFile): Promise<Secret> => {
  const secret = await findSecretFile(file)
  if (secret !== undefined) return secret
  throw new OperatorError('SECRET_FILE_MISSING', `${file.name} ${file.path} is not there.`, 'Write it, mode 0600.')
}

/** Reads secret files whose relative paths begin at one folder. */
export class FolderSecretFiles implements SecretFiles {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  read({ path, name }: SecretFile): Promise<Secret> {
    return readSecretFile({ path: resolve(this.#folder, path), name })
  }
}
