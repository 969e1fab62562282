import type { Clock } from '../../../core/runtime/clock.ts'
import type { Startable } from '../../../core/runtime/lifecycle.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { after, DAY, HOUR, MINUTE, unixTime } from '../../../core/runtime/time.ts'
import type { AuditKind, Store } from './store.ts'

export interface AuditRetentionOptions {
  store: Pick<Store, 'accountIds' | 'removeAudit'>
  clock: Clock
  logger: Logger
  keep: AuditKeeping
}

/** Number of days for which audit records are kept, by kind. */
export interface AuditKeeping {
  /** Days for changes, sign-ins and refused calls of the API. */
  keep_days: number | 'forever'
  /** Days for decisions: requests for access that were granted or denied. */
  keep_decisions_days: number | 'forever'
}

/** Delay of the first removal after the start, when the portal is busy with returning peers. */
const FIRST_REMOVAL_MS = MINUTE
const INTERVAL_MS = HOUR
/** Maximum of records removed in one transaction, because other writes wait for it. */
const BATCH = 1_000

/** Removes expired audit records once an hour, in batches. Each removal is recorded in the audit trail too. */
export class AuditRetention implements Startable {
  readonly #options: AuditRetentionOptions
  #cancel: () => void = () => undefined
  #isStopped = false

  constructor(options: AuditRetentionOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#terms().length > 0) this.#wakeIn(FIRST_REMOVAL_MS)
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  #wakeIn(milliseconds: number): void {
    const { clock } = this.#options
    this.#cancel = clock.wake(after(clock.now(), milliseconds), () => void this.#removeExpired())
  }

  async #removeExpired(): Promise<void> {
    const { logger } = this.#options
    try {
      const removed = await this.#removeAll()
      if (removed > 0) logger.info({ removed }, 'expired audit records were removed')
      else logger.debug({}, 'no audit record has expired')
    } catch (error) {
      logger.warn({ error }, 'removing audit records failed; it is tried again')
    }
    if (!this.#isStopped) this.#wakeIn(INTERVAL_MS)
  }

  async #removeAll(): Promise<number> {
    const { store, clock } = this.#options
    let total = 0
    for (const accountId of await store.accountIds()) {
      for (const { kinds, days } of this.#terms()) {
        const before = unixTime(clock.unix() - days * DAY)
        for (let removed = BATCH; removed === BATCH && !this.#isStopped; total += removed) {
          removed = await store.removeAudit(accountId, { kinds, before, limit: BATCH })
        }
      }
    }
    return total
  }

  #terms(): { kinds: AuditKind[]; days: number }[] {
    const { keep_days: others, keep_decisions_days: decisions } = this.#options.keep
    return [
      ...(others === 'forever'
        ? []
        : [{ kinds: ['change' as const, 'sign_in' as const, 'api_call' as const], days: others }]),
      ...(decisions === 'forever' ? [] : [{ kinds: ['decision' as const], days: decisions }]),
    ]
  }
}
