import { join } from 'node:path'
import type { Secret } from '../../core/runtime/secret.ts'
import type { SecretStore } from '../../core/runtime/secret-store.ts'
import { readTokenFile, removeTokenFile, writeTokenFile } from './token-file.ts'

/** Secret store that keeps each secret in a file of its own, mode 0600, in one folder. */
export class FileSecretStore implements SecretStore {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  read(name: string): Promise<Secret | undefined> {
    return readTokenFile(join(this.#folder, name))
  }

  write(name: string, secret: Secret): Promise<void> {
    return writeTokenFile(join(this.#folder, name), secret)
  }

  remove(name: string): Promise<void> {
    return removeTokenFile(join(this.#folder, name))
  }
}
