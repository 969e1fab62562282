import { FlowStates, type Side } from '../nat/flow-states.ts'
import type { PacketView } from '../net/packet-view.ts'
import type { Instant } from '../runtime/time.ts'
import { FlowCache } from './flow-cache.ts'

/** Flows of all peers, each a row of `states`, with a cached verdict for those whose packets may pass without being decided anew. */
export class FlowVerdicts<Flow extends { readonly row: number }> {
  readonly states = new FlowStates<Flow>(() => this.forgetVerdicts())
  readonly #inside = new FlowCache()
  readonly #outside = new FlowCache()

  /** Row of the flow that a packet from one side belongs to, if it may pass; below 0 where there is no verdict. */
  find(packet: PacketView, from: Side, now: Instant): number {
    const cache = from === 'inside' ? this.#inside : this.#outside
    const place = cache.find(packet)
    if (place < 0) return -1
    const row = cache.verdictAt(place)
    if (!this.states.holdsVerdict(row, cache.stampAt(place), now)) return -1
    return from === 'inside' && this.states.reopens(row, packet.tcpFlags) ? -1 : row
  }

  /** Keeps the verdict that the flow of this packet may pass; returns the flow's row. */
  keep(packet: PacketView, from: Side, { row }: Flow): number {
    const cache = from === 'inside' ? this.#inside : this.#outside
    cache.store(packet, row, this.states.stamp(row))
    return row
  }

  forgetVerdicts(): void {
    this.#inside.clear()
    this.#outside.clear()
  }
}
