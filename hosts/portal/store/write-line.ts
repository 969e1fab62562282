import type { Clock } from '../../../core/runtime/clock.ts'
import { SECOND, type Instant } from '../../../core/runtime/time.ts'
import { StoreError } from './store-error.ts'

/** Ten thousand peers that come back at once each write something. */
const MOST_WAITING = 20_000
/** Who asked for a write that is older has long been told that it failed, or has gone. */
const LONGEST_WAIT_MS = 30 * SECOND

/** The writes of this process, one after the other, so that changes are told in the order of their commits. What waits is bounded. */
export class WriteLine {
  readonly #clock: Pick<Clock, 'now'>
  /** Since when each has been waiting or at work, the first first. */
  readonly #places = new Set<{ since: Instant }>()
  #end: Promise<unknown> = Promise.resolve()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** @throws StoreError BUSY where too many or for too long others go first; else what `work` throws */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#places.size >= MOST_WAITING) throw busy()
    const place = { since: this.#clock.now() }
    this.#places.add(place)
    const turn = this.#end.then(async () => {
      try {
        if (this.#clock.now() - place.since > LONGEST_WAIT_MS) throw busy()
        return await work()
      } finally {
        this.#places.delete(place)
      }
    })
    this.#end = turn.catch(() => undefined) // the caller has the failure; the line goes on
    return turn
  }

  /** For how long the first one has been here. */
  get delayMs(): number {
    const [first] = this.#places
    return first === undefined ? 0 : this.#clock.now() - first.since
  }

  /** All that is in the line is done. */
  async drained(): Promise<void> {
    await this.#end
  }
}

const busy = (): StoreError => new StoreError('BUSY', 'The database does not keep up with what is to be written.')
