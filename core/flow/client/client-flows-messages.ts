// What a client tells its flows, and what they want of it.
import type { PeerId } from '../../contract/tunnel-transport.ts'
import type { SiteFindings } from '../../dns/site-finding.ts'
import type { PacketRefusal } from '../../net/packet-view.ts'
import type { Endpoint } from '../../runtime/endpoint.ts'
import type { ControlRefusal } from '../control-frame.ts'
import type { FlowResource } from '../flow-resource.ts'
import type { MtuChanged } from '../flows.ts'
import type { ListenerPorts } from './sentinel-traffic.ts'

export type ClientFlowsInput =
  /** Whole IP packets, borrowed until `handle` returns. */
  | { type: 'tunPackets'; packets: readonly Uint8Array[] }
  /** A packet that the tunnel opened, borrowed. */
  | { type: 'tunnelPacket'; peer: PeerId; packet: Uint8Array }
  | { type: 'interfaceConfigured'; ipv4: string; ipv6: string }
  /** All resources; what is not listed is gone, with its grant. */
  | { type: 'resourcesChanged'; resources: readonly FlowResource[] }
  | { type: 'nameMapped'; domain: string; addresses: readonly string[]; resourceIds: readonly string[] }
  /** Its addresses stand for nothing any more. */
  | { type: 'nameForgotten'; domain: string }
  /** From now on it is to be said, once for each, which of the names that there are have packets. */
  | { type: 'namesWatched' }
  /** An application asked again: the gateway resolves the name anew, at most once a second. */
  | { type: 'nameQueried'; domain: string }
  | { type: 'granted'; resourceId: string; peer: PeerId; peerIpv4: string; peerIpv6: string }
  /** Something beside packets waits for this resource: the same request as for a packet, if it has no grant. */
  | { type: 'authorizationWanted'; resourceId: string }
  /** The portal or the gateway said no: waiting packets are answered with ICMP unreachable instead of a timeout. */
  | { type: 'authorizationFailed'; resourceId: string }
  /** No way to a gateway was found, and another one may serve: what waits goes on waiting, and asks for it at once. */
  | { type: 'gatewayFailed'; resourceId: string }
  /** No way to any gateway was found: waiting packets, and those of the next moments, are answered with ICMP unreachable. */
  | { type: 'resourceUnreachable'; resourceId: string }
  | { type: 'withdrawn'; resourceId: string }
  | { type: 'peerLost'; peer: PeerId }
  | MtuChanged
  | { type: 'sentinelsChanged'; addresses: readonly string[] }
  /** Where this client's own listeners take DNS over TCP; without a port it is refused. */
  | { type: 'listenersOpened'; ports: ListenerPorts }
  /** The answer to a `resolverQuery`, with the same `source` and `destination` as that had. */
  | { type: 'resolverAnswer'; source: Endpoint; destination: Endpoint; message: Uint8Array }

export type ClientFlowsOutput =
  | { type: 'sendPacket'; peer: PeerId; packet: Uint8Array }
  | { type: 'writeTun'; packet: Uint8Array }
  /** A packet waits for it. At most every 2 s for one resource, and only while packets come. */
  | { type: 'requestAuthorization'; resourceId: string }
  /** A DNS message over UDP from `source`, the application, to `destination`, a sentinel. */
  | { type: 'resolverQuery'; source: Endpoint; destination: Endpoint; message: Uint8Array }
  /** A name had packets, the first since `namesWatched`. */
  | { type: 'nameUsed'; domain: string }
  /** The site has trouble with a name, or has none any more (absent). Once for each change. */
  | { type: 'nameResolved'; resourceId: string; domain: string; found: SiteFindings | undefined }
  /** The gateway said goodbye: its tunnel is of no more use. Its grants are gone already. */
  | { type: 'closePeer'; peer: PeerId }

/** Why a packet or a frame was dropped. */
export type ClientDrop =
  | PacketRefusal
  | ControlRefusal
  | 'multicast'
  | 'icmp-error'
  | 'source-not-own'
  | 'unknown-destination'
  | 'sentinel-port'
  | 'port-refused'
  | 'protocol-refused'
  | 'nat-protocol'
  | 'kept-merged'
  | 'kept-oldest-dropped'
  | 'authorization-failed'
  | 'no-path'
  | 'name-inactive'
  | 'unknown-peer'
  | 'destination-not-own'
  | 'source-not-routed'
  /** From a gateway, and no answer to what began here. */
  | 'no-flow'
  | 'flow-table-full'
  | 'control-from-tun'
  | 'control-direction'
  | 'bad-answer'
  | 'too-long'
