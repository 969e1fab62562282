import { FlowStates, type Side } from '../nat/flow-states.ts'
import type { PacketView } from '../net/packet-view.ts'
import type { Instant } from '../runtime/time.ts'
import { FlowCache } from './flow-cache.ts'

/**
 * Flows of all peers, each a row of `states`, with a cache of those whose next packets may pass without another
 * decision.
 */
export class FlowVerdicts<Flow extends { readonly row: number }> {
  readonly states = new FlowStates<Flow>(() => this.forgetVerdicts())
  readonly #inside = new FlowCache()
  readonly #outside = new FlowCache()

  /**
   * Finds the flow of a packet from one side by a cached verdict that lets it pass. Returns its row; -1 if there is no
   * valid verdict.
   */
  find(packet: PacketView, from: Side, now: Instant): number {
    const cache = from === 'inside' ? this.#inside : this.#outside
    const slot = cache.find(packet)
    if (slot < 0) return -1
    const row = cache.verdictAt(slot)
    if (!this.states.holdsVerdict(row, cache.stampAt(slot), now)) return -1
    return from === 'inside' && this.states.reopens(row, packet.tcpFlags) ? -1 : row
  }

  /** Caches the verdict that packets of a flow from one side may pass. Returns the flow's row. */
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
