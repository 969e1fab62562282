import { OperatorError } from '../../../core/config/operator-error.ts'
import type { SecretStore } from '../../../core/runtime/secret-store.ts'
import { Secret } from '../../../core/runtime/secret.ts'
import { CommandError, runCommand } from '../process/run-command.ts'

const PROGRAM = 'secret-tool'

/**
 * Keeps secrets in the Secret Service of a person's session (GNOME Keyring, KWallet, KeePassXC), with `secret-tool`.
 * Secrets pass over standard input and output: every user of the machine could read an argument.
 */
export class SecretServiceStore implements SecretStore {
  readonly #owner: string

  /** `owner`: text that tells several installations of one person apart, such as a folder. */
  constructor(owner: string) {
    this.#owner = owner
  }

  async read(name: string): Promise<Secret | undefined> {
    const text = await this.#ask(['lookup', ...this.#attributes(name)])
    return text === undefined || text === '' ? undefined : new Secret(text)
  }

  async write(name: string, secret: Secret): Promise<void> {
    await this.#ask(['store', '--label=Portreeve', ...this.#attributes(name)], secret.reveal())
  }

  async remove(name: string): Promise<void> {
    await this.#ask(['clear', ...this.#attributes(name)])
  }

  #attributes(name: string): string[] {
    return ['application', 'portreeve', 'owner', this.#owner, 'name', name]
  }

  /** Runs `secret-tool`; undefined if there is no such secret, for which it exits with 1 and prints nothing. */
  async #ask(args: readonly string[], input?: string): Promise<string | undefined> {
    try {
      return await runCommand(PROGRAM, args, input)
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      if (error.code === 'EXIT_1' && error.stderr.trim() === '') return undefined
      throw new OperatorError(
        'SECRET_SERVICE_FAILED',
        `the Secret Service of this session cannot be asked: ${error.stderr.trim() || error.code}.`,
        'Install libsecret-tools and run the client in a session with a keyring, or set secret_store: file.',
      )
    }
  }
}
