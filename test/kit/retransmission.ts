import { after, MINUTE, type Instant } from '../../core/runtime/time.ts'
import type { VirtualClock } from './virtual-clock.ts'

const FIRST_MS = 200
const LONGEST_MS = 2 * MINUTE

/** Retransmission of a TCP segment as Linux does it: after 0.2 s, 0.4 s, and so on (RFC 6298), up to two minutes. */
export class Retransmission {
  readonly #clock: VirtualClock
  readonly #send: () => void
  #doublings = 0
  #sentAt: Instant
  #cancel = (): void => undefined
  #isOver = false

  /** Calls `send` at once, and for each retransmission. */
  constructor(clock: VirtualClock, send: () => void) {
    this.#clock = clock
    this.#send = send
    this.#sentAt = clock.now()
    this.#cancel = clock.wake(clock.now(), () => this.#transmit())
  }

  /** Takes one doubling back, for an ICMP error about the segment (RFC 6069). */
  disrupted(): void {
    if (this.#isOver || this.#doublings === 0) return
    this.#doublings--
    this.#arm()
  }

  /** Ends it: the segment is acknowledged. */
  end(): void {
    this.#isOver = true
    this.#cancel()
  }

  #transmit(): void {
    this.#sentAt = this.#clock.now()
    this.#arm()
    this.#doublings++
    this.#send()
  }

  #arm(): void {
    this.#cancel()
    const waitMs = Math.min(FIRST_MS * 2 ** this.#doublings, LONGEST_MS)
    const at = after(this.#sentAt, waitMs)
    this.#cancel = this.#clock.wake(at < this.#clock.now() ? this.#clock.now() : at, () => this.#transmit())
  }
}
