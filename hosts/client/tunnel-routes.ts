import { ClientRoutes } from '../../core/flow/client/client-routes.ts'
import type { FlowResource } from '../../core/flow/flow-resource.ts'
import type { AddressRanges } from '../../core/net/address-ranges.ts'
import { parseAddress } from '../../core/net/ip-address.ts'
import { TCP, UDP } from '../../core/net/packet-view.ts'
import { firstPermitting } from '../../core/net/port-filter.ts'
import { isInRange } from '../../core/net/reserved-range.ts'

/** Decides which of the client's own sockets use the tunnel (D12); all others bypass it. */
export class TunnelRoutes {
  readonly #routes = new ClientRoutes()

  replaceResources(resources: readonly FlowResource[]): void {
    this.#routes.replaceResources(resources)
  }

  /** Sets the ranges of the account's tunnels. */
  useRanges(ranges: AddressRanges): void {
    this.#routes.ranges = ranges
  }

  /** Whether a destination is in a resource that permits the port, or is a mapped address of a resource's name. */
  carries({ address, port, protocol }: { address: string; port: number; protocol: 'udp' | 'tcp' }): boolean {
    const bytes = parseAddress(address)
    if (bytes === undefined) return false
    if (isInRange(this.#routes.ranges.mapped, bytes)) return true
    const number = protocol === 'udp' ? UDP : TCP
    return firstPermitting(this.#routes.covering(bytes), number, port).verdict === 'permitted'
  }
}
