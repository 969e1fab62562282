import type { Secret } from './secret.ts'
import { token } from '../di.ts'

/** A file with one secret. */
export interface SecretFile {
  /** Path of the file; a relative one starts at the folder of the host's configuration file. */
  path: string
  /** Configuration key of the file, for error messages: `identity-email-otp: smtp.password_file`. */
  name: string
}

/**
 * Reader for files of the operator, mode 0600, with one secret each, which must not be in the configuration. For use in
 * `start()`.
 */
export interface SecretFiles {
  /**
   * Reads a secret, without its line end; never empty.
   * @throws OperatorError SECRET_FILE_MISSING, SECRET_FILE_MODE if others may read the file, SECRET_FILE_UNREADABLE,
   * SECRET_FILE_INVALID
   */
  read: (file: SecretFile) => Promise<Secret>
}

export const SecretFiles = token<SecretFiles>('secret-files')
