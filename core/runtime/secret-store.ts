import type { Secret } from './secret.ts'
import { token } from '../di.ts'

/** Storage of a host's secrets by name: private files, or the secret storage of a desktop session. */
export interface SecretStore {
  /** Reads a secret; undefined if there is none. Rejects if the store is not available. */
  read: (name: string) => Promise<Secret | undefined>
  /** Writes a secret, replacing one of the same name atomically. */
  write: (name: string, secret: Secret) => Promise<void>
  remove: (name: string) => Promise<void>
}

export const SecretStore = token<SecretStore>('secret-store')
