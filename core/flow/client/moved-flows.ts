// Flows that began at one gateway when another serves their resource. Each gateway translates addresses by a table of its
// own, so that no other can carry a flow on. Where the first one still serves, the flow stays there; else its application is told.
import type { PeerId } from '../../contract/tunnel-transport.ts'
import { parseAddress, type AddressBytes } from '../../net/ip-address.ts'
import { ACK, TCP, type PacketView } from '../../net/packet-view.ts'
import { firstPermitting } from '../../net/port-filter.ts'
import { buildSegment } from '../../net/tcp-segment.ts'
import type { Instant } from '../../runtime/time.ts'
import type { BegunFlows, OpenConnection } from './begun-flows.ts'
import type { ClientResource, ClientRoutes } from './client-routes.ts'
import type { Refusals } from './refusals.ts'

/** Most connections that are asked about at once. */
const MOST_ASKED = 1_024

export interface MovedFlowsNeeds {
  routes: Pick<ClientRoutes, 'covering'>
  refusals: Refusals
}

/** Addresses of this machine in the tunnel. */
export interface OwnAddresses {
  ipv4: AddressBytes | undefined
  ipv6: AddressBytes | undefined
}

/** Keeps flows at the gateway that knows them, and tells applications of flows whose gateway is gone. */
export class MovedFlows {
  readonly #begun: BegunFlows
  readonly #needs: MovedFlowsNeeds

  constructor(begun: BegunFlows, needs: MovedFlowsNeeds) {
    this.#begun = begun
    this.#needs = needs
  }

  /**
   * Returns the gateway for an outbound packet of a resource that `peer` serves; undefined if the flow's gateway is gone. Then
   * the packet was answered: by a TCP reset, or by an ICMP error for the first packet of other flows.
   */
  gatewayOf(packet: PacketView, { resource, peer }: Serving, now: Instant): PeerId | undefined {
    if (packet.kind !== 'tcp' && packet.kind !== 'udp') return peer
    const other = this.#begun.otherGatewayOf(packet, peer, now)
    if (other === undefined) return peer
    if (resource.peers.has(other)) return other
    if (packet.kind === 'udp') this.#begun.endFlow(packet, other)
    this.#needs.refusals.refuse(packet, 'host-unreachable', 'gateway-changed')
    return undefined
  }

  /**
   * Has applications say at once that they are there, with which they are told by `gatewayOf` that their connections to a resource
   * are over: many only wait for data. An acknowledgement outside of the window is answered by one (RFC 9293 §3.10.7.4); of two
   * that are half of all numbers apart, one is outside at least.
   */
  ask({ resource, peer }: Serving, own: OwnAddresses, now: Instant): void {
    for (const other of this.#begun.gateways) {
      if (other === peer || resource.peers.has(other)) continue
      for (const connection of this.#begun.openConnections(other, { most: MOST_ASKED, now })) {
        for (const packet of this.#questions(connection, resource, own)) this.#needs.refusals.write(packet)
      }
    }
  }

  /** Returns the resources of open connections at a gateway that is gone: another one is to serve them, that `ask` may tell. */
  left(peer: PeerId, now: Instant): ReadonlySet<ClientResource> {
    const left = new Set<ClientResource>()
    for (const { address, otherPort } of this.#begun.openConnections(peer, { most: MOST_ASKED, now })) {
      const resource = this.#resourceAt(parseAddress(address), otherPort)
      if (resource !== undefined) left.add(resource)
    }
    return left
  }

  #resourceAt(address: AddressBytes | undefined, port: number): ClientResource | undefined {
    if (address === undefined) return undefined
    const permitted = firstPermitting(this.#needs.routes.covering(address), TCP, port)
    return permitted.verdict === 'permitted' ? permitted.entry : undefined
  }

  #questions(
    { ownPort, otherPort, address }: OpenConnection,
    resource: ClientResource,
    own: OwnAddresses,
  ): Uint8Array[] {
    const source = parseAddress(address)
    const destination = source?.length === 4 ? own.ipv4 : own.ipv6
    if (source === undefined || destination === undefined) return []
    if (this.#resourceAt(source, otherPort) !== resource) return []
    const ends = { source, destination, sourcePort: otherPort, destinationPort: ownPort, flags: ACK }
    return [0, 0x8000_0000].map((sequence) => buildSegment({ ...ends, sequence }))
  }
}

/** Resource, and the gateway that serves it. */
interface Serving {
  resource: ClientResource
  peer: PeerId
}
