import type { Secret } from './secret.ts'
import { token } from '../di.ts'

export interface SecretFile {
  /** Relative ones are seen from the host's configuration file. */
  path: string
  /** What the operator calls it, for errors: `identity-email-otp: smtp.password_file`. */
  name: string
}

/** Files of the operator, mode 0600, with one secret each: what stands in no configuration. For `start()`, where I/O begins. */
export interface SecretFiles {
  /**
   * The secret, without the line's end. It is there, and it is not empty.
   * @throws OperatorError SECRET_FILE_MISSING, SECRET_FILE_MODE where others may read it, SECRET_FILE_UNREADABLE, SECRET_FILE_INVALID
   */
  read: (file: SecretFile) => Promise<Secret>
}

export const SecretFiles = token<SecretFiles>('secret-files')
