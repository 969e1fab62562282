import type { Clock } from '../../core/runtime/clock.ts'
import { after } from '../../core/runtime/time.ts'

/** Reads a burst of at most so many messages from a socket, and returns whether there may be more. */
export type ReadBurst = (messages: number) => boolean

/** Time that the sockets of a relay take in one turn of the event loop, unless one burst takes longer. */
const TURN_MS = 1
/** Most bursts of one socket in a turn. */
const BURSTS = 4
/** Most messages of one burst, each of up to 64 datagrams that the kernel has joined. */
export const MAX_BURST = 16

/** Socket with the size of its next burst. */
interface Taker {
  read: ReadBurst
  messages: number
}

/**
 * Turns of the sockets of a relay, so that whatever else the process serves, such as a portal's API, is served in between
 * even where a flood keeps the sockets busy. Sockets with something to read are read one after another, each as often as
 * the others; those that a turn of the event loop has no time for are first in the next. A socket whose burst takes longer
 * than a turn is read in smaller ones.
 */
export class SocketTurns {
  readonly #clock: Pick<Clock, 'now'>
  /** Sockets with something to read, in order. */
  readonly #waiting = new Set<Taker>()
  #isScheduled = false

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** Adds a socket. Returns the function to call when it has something to read. */
  add(read: ReadBurst): () => void {
    const taker = { read, messages: MAX_BURST }
    return () => {
      this.#waiting.add(taker)
      this.#schedule()
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#take())
  }

  #take(): void {
    this.#isScheduled = false
    let now = this.#clock.now()
    const end = after(now, TURN_MS)
    const busy: Taker[] = []
    for (const taker of this.#waiting) {
      this.#waiting.delete(taker)
      let hasMore = true
      for (let burst = 0; hasMore && burst < BURSTS && now < end; burst++) {
        hasMore = taker.read(taker.messages)
        const before = now
        now = this.#clock.now()
        const isLong = now >= after(before, TURN_MS)
        taker.messages = isLong ? Math.max(1, taker.messages / 2) : Math.min(MAX_BURST, taker.messages * 2)
      }
      if (hasMore) busy.push(taker)
      if (now >= end) break
    }
    for (const taker of busy) this.#waiting.add(taker)
    if (this.#waiting.size > 0) this.#schedule()
  }
}
