import { open, type FileHandle } from 'node:fs/promises'
import { resolve } from 'node:path'
import { OperatorError } from '../../core/config/operator-error.ts'
import { Secret } from '../../core/runtime/secret.ts'
import type { SecretFile, SecretFiles } from '../../core/runtime/secret-files.ts'

/** Maximum size of a secret file; a longer file is not a secret and is refused. */
const MAX_SECRET_BYTES = 4_096

/**
 * Reads a secret from a file that only its owner may read; undefined if there is no file.
 * @throws OperatorError SECRET_FILE_MODE, SECRET_FILE_UNREADABLE, SECRET_FILE_INVALID
 */
export const findSecretFile = async ({ path, name }: SecretFile): Promise<Secret | undefined> => {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    // The open file is checked, not its path, which may name another file meanwhile.
    const { mode, size } = await file.stat()
    if ((mode & 0o077) !== 0) {
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
