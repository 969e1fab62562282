import type { Clock } from '../../../core/runtime/clock.ts'
import { SECOND, type Instant } from '../../../core/runtime/time.ts'
import { StoreError } from './store-error.ts'

/** Bound of waiting writes: ten thousand peers that reconnect at once each write something. */
export const MAX_WAITING_WRITES = 20_000
/** Wait after which a write is refused: its caller has long timed out. */
export const MAX_WAIT_MS = 30 * SECOND

/**
 * Bounded queue that runs this process's writes one after the other, so that subscribers hear of changes in commit
 * order.
 */
export class WriteQueue {
  readonly #clock: Pick<Clock, 'now'>
  /** Arrival times of the waiting and running writes, oldest first. */
  readonly #places = new Set<{ since: Instant }>()
  #end: Promise<unknown> = Promise.resolve()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /**
   * Runs `work` when its turn comes.
   * @throws StoreError BUSY if too many writes wait or this one waited too long; else whatever `work` throws
   */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#places.size >= MAX_WAITING_WRITES) throw busy()
    const place = { since: this.#clock.now() }
    this.#places.add(place)
    const turn = this.#end.then(async () => {
      try {
        if (this.#clock.now() - place.since > MAX_WAIT_MS) throw busy()
        return await work()
      } finally {
        this.#places.delete(place)
      }
    })
    this.#end = turn.catch(() => undefined) // the caller gets the error; the queue goes on
    return turn
  }

  /** Milliseconds for which the oldest write has been waiting or running; 0 if there is none. */
  get delayMs(): number {
    const [first] = this.#places
    return first === undefined ? 0 : this.#clock.now() - first.since
  }

  /** Waits until all queued writes are done. */
  async drained(): Promise<void> {
    await this.#end
  }
}

/** Refusal of a write that waits for too long, or behind too many. */
export const busy = (): StoreError => new StoreError('BUSY', 'The database does not keep up with the writes.')
