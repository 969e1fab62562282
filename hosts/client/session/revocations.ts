import type { Clock } from '../../../core/runtime/clock.ts'
import type { SecretStore } from '../../../core/runtime/secret-store.ts'
import type { Secret } from '../../../core/runtime/secret.ts'
import { after, MINUTE } from '../../../core/runtime/time.ts'

/** Revokes a token at the portal; rejects if the portal has not said that it is revoked. */
export type RevokeToken = (token: Secret) => Promise<void>

/** Names in the secret store of tokens that are to be revoked. One more replaces the last. */
const NAMES = ['revoke-1', 'revoke-2', 'revoke-3', 'revoke-4'] as const
/** Interval at which revocations are tried again. */
const RETRY_MS = 1 * MINUTE

/**
 * Tokens of sign-ins that were ended here and that the portal is still to be told of. They are kept until the portal has
 * revoked them, over restarts too.
 */
export class Revocations {
  readonly #secrets: SecretStore
  readonly #revoke: RevokeToken
  readonly #clock: Clock
  #cancel: () => void = () => undefined
  #isOver = false

  constructor({ secrets, revoke, clock }: { secrets: SecretStore; revoke: RevokeToken; clock: Clock }) {
    this.#secrets = secrets
    this.#revoke = revoke
    this.#clock = clock
  }

  /** Keeps a token as one that is to be revoked. */
  async add(token: Secret): Promise<void> {
    let free: string = NAMES[NAMES.length - 1] ?? ''
    for (const name of NAMES.toReversed()) if ((await this.#secrets.read(name)) === undefined) free = name
    await this.#secrets.write(free, token)
  }

  /** Revokes all tokens that are kept for it. Returns why that failed, and tries again later; undefined if it is done. */
  async revokeAll(): Promise<string | undefined> {
    let problem: string | undefined
    for (const name of NAMES) {
      const token = await this.#secrets.read(name)
      if (token === undefined) continue
      try {
        await this.#revoke(token)
        await this.#secrets.remove(name)
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error)
      }
    }
    this.#cancel()
    if (problem !== undefined && !this.#isOver) {
      this.#cancel = this.#clock.wake(after(this.#clock.now(), RETRY_MS), () => void this.revokeAll())
    }
    return problem
  }

  /** Tries no longer, until the next start. */
  stop(): void {
    this.#isOver = true
    this.#cancel()
  }
}
