import type { Clock } from '../../../core/runtime/clock.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { after, HOUR, type Instant } from '../../../core/runtime/time.ts'
import type { Contest } from './endpoint.ts'

/** Interval between two warnings about the same peer. */
const QUIET_MS = HOUR
/** Maximum of peers remembered. */
const MAX_PEERS = 1_000

/** Logs a warning when two processes use one peer's identity, at most once an hour per peer. */
export class ContestLog {
  readonly #ports: { clock: Clock; logger: Logger }
  readonly #warnedAt = new Map<string, Instant>()

  constructor(ports: { clock: Clock; logger: Logger }) {
    this.#ports = ports
  }

  add({ role, peerId, name, stays, refused }: Contest): void {
    const { clock, logger } = this.#ports
    const now = clock.now()
    const before = this.#warnedAt.get(peerId)
    if (before !== undefined && now < after(before, QUIET_MS)) return
    this.#warnedAt.delete(peerId)
    this.#warnedAt.set(peerId, now)
    const [oldest] = this.#warnedAt.keys()
    if (this.#warnedAt.size > MAX_PEERS && oldest !== undefined) this.#warnedAt.delete(oldest)
    logger.warn(
      { role, id: peerId, name, stays, refused },
      `two ${role}s have one identity, as after a machine was copied: the second was refused`,
    )
  }
}
