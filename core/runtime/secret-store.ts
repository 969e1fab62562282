import type { Secret } from './secret.ts'
import { token } from '../di.ts'

/** Where a host keeps what nobody else may read, by name: a file of its own, or the secret storage of a person's session. */
export interface SecretStore {
  /** Undefined where there is none. Rejects where the store cannot be asked, which is not the same. */
  read: (name: string) => Promise<Secret | undefined>
  /** Replaces another of that name at once. */
  write: (name: string, secret: Secret) => Promise<void>
  remove: (name: string) => Promise<void>
}

export const SecretStore = token<SecretStore>('secret-store')
