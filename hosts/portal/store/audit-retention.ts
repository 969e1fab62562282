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

/** For how many days records are kept. */
export interface AuditKeeping {
  /** Changes, sign-ins and refused calls of the API. */
  keep_days: number | 'forever'
  /** What was asked for, and granted or denied. */
  keep_decisions_days: number | 'forever'
}

/** After the start, when the portal has other things to do. */
const FIRST_LOOK_MS = MINUTE
const INTERVAL_MS = HOUR
/** At a time: other writes wait for no more than that. */
const BATCH = 1_000

/** Removes what of the audit trail is past its time, once an hour, a thousand records at a time. Each removal is in the trail itself. */
export class AuditRetention implements Startable {
  readonly #options: AuditRetentionOptions
  #cancel: () => void = () => undefined
  #isStopped = false

  constructor(options: AuditRetentionOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#terms().length > 0) this.#wakeIn(FIRST_LOOK_MS)
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  #wakeIn(milliseconds: number): void {
    const { clock } = this.#options
    this.#cancel = clock.wake(after(clock.now(), milliseconds), () => void this.#look())
  }

  async #look(): Promise<void> {
    const { logger } = this.#options
    try {
      const removed = await this.#removeAll()
      if (removed > 0) logger.info({ removed }, 'audit records past their time were removed')
      else logger.debug({}, 'no audit record is past its time')
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
