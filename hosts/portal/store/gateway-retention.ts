import type { Clock } from '../../../core/runtime/clock.ts'
import type { Startable } from '../../../core/runtime/lifecycle.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { after, DAY, HOUR, SECOND, unixTime, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import type { Gateway } from './entities.ts'
import type { Store } from './store.ts'

export interface GatewayRetentionOptions {
  store: Pick<Store, 'accountIds' | 'reader' | 'transact'>
  clock: Clock
  logger: Logger
  /** Whether a gateway is connected to this process. */
  isConnected: (gatewayId: string) => boolean
  keep: GatewayKeeping
}

/** Times for which gateways that are not connected keep their rows. */
export interface GatewayKeeping {
  /** Seconds for an ephemeral gateway. */
  ephemeral_grace_seconds: number
  /** Days for any other gateway. */
  keep_offline_days: number | 'forever'
}

/** Interval between looks at all gateways; between them only the ephemeral ones are looked at. */
const FULL_LOOK_MS = HOUR
/** Share of the grace after which the presence of ephemeral gateways is noted again. */
const LOOKS_PER_GRACE = 4
/** Maximum of rows changed in one transaction, because other writes wait for it. */
const BATCH = 100

/** Returns the time at which a gateway is last known to have been connected; null if it never was. */
export const lastPresence = ({ lastSeenAt, presentAt }: Gateway): UnixTime | null =>
  lastSeenAt === null && presentAt === null ? null : unixTime(Math.max(lastSeenAt ?? 0, presentAt ?? 0))

/**
 * Removes the rows of gateways that have been gone too long. Each process notes in the database which gateways are
 * connected to it: several processes may share the rows, and a restarted one knows when a gateway was there last. A
 * gateway that has a token of its own stays, because that token would end with its row.
 */
export class GatewayRetention implements Startable {
  readonly #options: GatewayRetentionOptions
  readonly #graceMs: number
  readonly #intervalMs: number
  #startedAt: Instant | undefined
  #nextFullLook: Instant | undefined
  #cancel: () => void = () => undefined
  #isStopped = false

  constructor(options: GatewayRetentionOptions) {
    this.#options = options
    this.#graceMs = options.keep.ephemeral_grace_seconds * SECOND
    this.#intervalMs = Math.min(this.#graceMs / LOOKS_PER_GRACE, FULL_LOOK_MS)
  }

  start(): void {
    this.#startedAt = this.#options.clock.now()
    this.#wake()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  #wake(): void {
    const { clock } = this.#options
    this.#cancel = clock.wake(after(clock.now(), this.#intervalMs), () => void this.#look())
  }

  async #look(): Promise<void> {
    const { store, clock, logger } = this.#options
    const now = clock.now()
    const isFull = this.#nextFullLook === undefined || now >= this.#nextFullLook
    try {
      let removed = 0
      for (const accountId of await store.accountIds()) {
        if (!this.#isStopped) removed += await this.#lookAt(accountId, isFull)
      }
      if (isFull) this.#nextFullLook = after(now, FULL_LOOK_MS)
      if (removed > 0) logger.info({ removed }, 'gateways that have gone were removed')
      else logger.debug({}, 'no gateway has been gone too long')
    } catch (error) {
      logger.warn({ error }, 'removing gateways that have gone failed; it is tried again')
    }
    if (!this.#isStopped) this.#wake()
  }

  async #lookAt(accountId: string, isFull: boolean): Promise<number> {
    const { store, isConnected } = this.#options
    const where = isFull ? {} : { isEphemeral: true }
    const rows = await store.reader(accountId).list('gateways', { where })
    const concerned = rows.filter((row) => isConnected(row.id) || this.#isExpired(row))
    let removed = 0
    for (let start = 0; start < concerned.length && !this.#isStopped; start += BATCH) {
      removed += await this.#noteOrRemove(accountId, concerned.slice(start, start + BATCH))
    }
    return removed
  }

  async #noteOrRemove(accountId: string, rows: readonly Gateway[]): Promise<number> {
    const { store, clock, isConnected } = this.#options
    const by = { type: 'system', part: 'gateway-retention' } as const
    return store.transact({ accountId, by }, async (tx) => {
      let removed = 0
      for (const { id } of rows) {
        if (isConnected(id)) {
          await tx.patch('gateways', id, { presentAt: clock.unix() })
          continue
        }
        // Read again: the gateway may have come back, perhaps to another process.
        const row = await tx.get('gateways', id)
        if (row === undefined || !this.#isExpired(row)) continue
        if ((await tx.list('tokens', { where: { gatewayId: id }, limit: 1 })).length > 0) continue
        await tx.remove('gateways', id)
        removed++
      }
      return removed
    })
  }

  /** Whether a gateway that is not connected here has been gone too long, and had time to come back since the start. */
  #isExpired(row: Gateway): boolean {
    const { clock, keep } = this.#options
    const { keepMs, precisionMs } = row.isEphemeral
      ? { keepMs: this.#graceMs, precisionMs: this.#intervalMs }
      : { keepMs: daysOf(keep) * DAY, precisionMs: FULL_LOOK_MS }
    const sinceStart = this.#startedAt === undefined ? 0 : clock.now() - this.#startedAt
    if (sinceStart < Math.min(keepMs, Math.max(this.#graceMs, precisionMs))) return false
    // Presence is noted once per interval: a gateway may have gone that much later.
    return clock.unix() - (lastPresence(row) ?? row.createdAt) > keepMs + precisionMs
  }
}

const daysOf = ({ keep_offline_days: days }: GatewayKeeping): number => (days === 'forever' ? Infinity : days)
