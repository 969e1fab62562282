import type { PacketView } from '../net/packet-view.ts'
import { UnsentSegments } from '../net/unsent-segments.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'

/** Longest time in milliseconds from a new path to the new session there. */
const NEW_SESSION_MS = 5 * SECOND

/** Packets for one peer that came while there was no path, to be sent once there is one. */
export class KeptPackets {
  readonly #unsent = new UnsentSegments()
  /** Packets that were sent on a new path, to be sent again if a new session begins there. */
  #sent: { packets: readonly Uint8Array[]; at: Instant } | undefined

  /** Keeps a copy of a packet, if it is worth it. Returns whether it is. */
  keep(packet: PacketView, now: Instant): boolean {
    return this.#unsent.keep(packet, now)
  }

  /** Returns what is to be sent on a new path. With `mayRepeat`, it is remembered for `takeAgain`. */
  take({ mayRepeat }: { mayRepeat: boolean }, now: Instant): readonly Uint8Array[] {
    const packets = this.#unsent.take(now)
    if (mayRepeat && packets.length > 0) this.#sent = { packets, at: now }
    return packets
  }

  /**
   * Returns what is to be sent once more in a new session that follows a new path at once: a client begins one after a
   * long time away, and may not have been ready before, or have forgotten the keys.
   */
  takeAgain(now: Instant): readonly Uint8Array[] {
    const sent = this.#sent
    this.#sent = undefined
    return sent === undefined || now >= after(sent.at, NEW_SESSION_MS) ? [] : sent.packets
  }
}
