import type { Instant } from '../runtime/time.ts'
import { TokenBucket } from '../runtime/token-bucket.ts'

/** Limits of what the peers of one account use of a relay together. */
export interface AccountLimits {
  /** Most allocations of one account. */
  allocations: number
  /** Bytes of data of one account that are forwarded in a second on average; undefined for no limit. */
  bytesPerSecond?: number | undefined
}

/** Share of a second's bytes that may come at once, after a pause. */
const BURST_SECONDS = 0.25
/** Least bytes that may come at once: a few messages of the kernel, each of up to 64 KiB. */
const LEAST_BURST_BYTES = 262_144

/** Use that the peers of one account make of a relay. */
export class AccountUse {
  readonly #rate: TokenBucket | undefined
  allocations = 0

  /** `account` is its id; an empty one stands for all peers of which no account is known. */
  constructor(
    readonly account: string,
    { bytesPerSecond }: AccountLimits,
  ) {
    if (bytesPerSecond === undefined) return
    const burst = Math.max(LEAST_BURST_BYTES, bytesPerSecond * BURST_SECONDS)
    this.#rate = new TokenBucket({ perSecond: bytesPerSecond, burst })
  }

  /** Whether it is like that of an account which has used nothing yet. */
  isUnused(now: Instant): boolean {
    return this.allocations === 0 && this.#rate?.isFull(now) !== false
  }

  /** Counts bytes to forward; false where they are too many. */
  takes(bytes: number, now: Instant): boolean {
    return this.#rate === undefined || this.#rate.take(now, bytes)
  }
}

/**
 * Uses of a relay by account. One is kept after its last allocation until it has nothing to make up for, so that an account
 * gains nothing by allocating anew.
 */
export class AccountUses {
  readonly #limits: AccountLimits
  readonly #uses = new Map<string, AccountUse>()

  constructor(limits: AccountLimits) {
    this.#limits = limits
  }

  /** Counts a further allocation of an account; undefined where it is one too many. */
  allocate(account: string): AccountUse | undefined {
    const use = this.#uses.get(account) ?? new AccountUse(account, this.#limits)
    if (use.allocations >= this.#limits.allocations) return undefined
    use.allocations++
    this.#uses.set(account, use)
    return use
  }

  /** Counts an allocation that has ended. */
  release(use: AccountUse): void {
    use.allocations--
  }

  /** Forgets accounts that use nothing. */
  sweep(now: Instant): void {
    for (const use of this.#uses.values()) if (use.isUnused(now)) this.#uses.delete(use.account)
  }
}
