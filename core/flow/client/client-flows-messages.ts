// Inputs and outputs of a client's packet engine.
import type { PeerId } from '../../contract/tunnel-transport.ts'
import type { SiteFindings } from '../../dns/site-finding.ts'
import type { AddressRanges } from '../../net/address-ranges.ts'
import type { PacketRefusal } from '../../net/packet-view.ts'
import type { Endpoint } from '../../runtime/endpoint.ts'
import type { ControlRefusal } from '../control-frame.ts'
import type { FlowResource } from '../flow-resource.ts'
import type { MtuChanged } from '../flows.ts'
import type { ListenerPorts } from './sentinel-traffic.ts'

/**
 * Cause of a request for access: a packet (or a person) that waits for it, or only a question for a name of the resource,
 * which browsers ask for names that they never use.
 */
export type AccessCause = 'packet' | 'question'

/** Inputs of `ClientFlows`: packets, and changes of what it routes by. */
export type ClientFlowsInput =
  /** Whole IP packets from the TUN device, borrowed until `handle` returns. */
  | { type: 'tunPackets'; packets: readonly Uint8Array[] }
  /** A decrypted packet from a gateway, borrowed until `handle` returns. */
  | { type: 'tunnelPacket'; peer: PeerId; packet: Uint8Array }
  /** Own tunnel addresses, and the ranges of the account's tunnels, the usual ones by default. */
  | { type: 'interfaceConfigured'; ipv4: string; ipv6: string; ranges?: AddressRanges | undefined }
  /** All resources of this client; those that are not listed are removed with their grants. */
  | { type: 'resourcesChanged'; resources: readonly FlowResource[] }
  | { type: 'nameMapped'; domain: string; addresses: readonly string[]; resourceIds: readonly string[] }
  /** The addresses of a name are not mapped any more. */
  | { type: 'nameForgotten'; domain: string }
  /** Report by `nameUsed`, once for each present name, which names have packets from now on. */
  | { type: 'namesWatched' }
  /** An application has asked for a mapped name again: have the gateway resolve it again, at most once a second. */
  | { type: 'nameQueried'; domain: string }
  /**
   * Have a resource's site say, by `nameResolved`, whether it has a mapped name: request access to the resource if it is
   * not connected, and announce the name once it is.
   */
  | { type: 'nameAwaited'; domain: string; resourceId: string }
  /** A resource is connected: its gateway was granted, and there is a path to it with a session. */
  | { type: 'connected'; resourceId: string; peer: PeerId; peerIpv4: string; peerIpv6: string }
  /** Something other than a packet needs this resource: request access if it is not connected. */
  | { type: 'accessWanted'; resourceId: string; cause?: AccessCause }
  /**
   * An application was told the addresses of a name of this resource: request access, and have the site resolve the
   * name, before a packet comes.
   */
  | { type: 'addressAsked'; domain: string; resourceId: string }
  /**
   * The portal has denied access: answer waiting packets with ICMP unreachable, so that applications need not time out.
   * `isTransient`: only no gateway is connected at present, so that open connections are not reset.
   */
  | { type: 'accessDenied'; resourceId: string; isTransient?: boolean }
  /**
   * A gateway could not be reached, but another one may serve: packets go on waiting, and another gateway is
   * requested at once, if packets wait or `isWanted` says that something else does.
   */
  | { type: 'gatewayFailed'; resourceId: string; isWanted?: boolean }
  /** No gateway could be reached: answer packets that wait, and those of the next seconds, with ICMP unreachable. */
  | { type: 'resourceUnreachable'; resourceId: string }
  /** `isGone`: the gateway has ended, as the portal says as well, so that its connections will not go on. */
  | { type: 'peerLost'; peer: PeerId; isGone?: boolean }
  | MtuChanged
  | { type: 'sentinelsChanged'; addresses: readonly string[] }
  /** Ports of this client's listeners for DNS over TCP; in a family without a port, DNS over TCP is refused. */
  | { type: 'listenersOpened'; ports: ListenerPorts }
  /** Answer to a `resolverQuery`, with the same `source` and `destination` as the query. */
  | { type: 'resolverAnswer'; source: Endpoint; destination: Endpoint; message: Uint8Array }

/** Outputs of `ClientFlows`: packets to send or write, and requests to carry out. */
export type ClientFlowsOutput =
  | { type: 'sendPacket'; peer: PeerId; packet: Uint8Array }
  | { type: 'writeTun'; packet: Uint8Array }
  /**
   * Request access to a resource that a packet is waiting for, or whose name was asked for. At most once in 2 s, and
   * only while there are packets or questions.
   */
  | { type: 'requestAccess'; resourceId: string; cause: AccessCause }
  /** A DNS query over UDP from an application (`source`) to a sentinel (`destination`). */
  | { type: 'resolverQuery'; source: Endpoint; destination: Endpoint; message: Uint8Array }
  /** A name has had its first packet since `namesWatched`. */
  | { type: 'nameUsed'; domain: string }
  /** Findings of the site for a name that was awaited, or has changed; undefined if there is no problem. */
  | { type: 'nameResolved'; resourceId: string; domain: string; found: SiteFindings | undefined }
  /** Close the tunnel to a gateway that has said goodbye. Its grants have been removed before. */
  | { type: 'removePeer'; peer: PeerId }

/** Reason why a packet or a control frame was dropped. */
export type ClientDrop =
  | PacketRefusal
  | ControlRefusal
  | 'multicast'
  | 'icmp-error'
  | 'source-not-own'
  /** An open TCP connection whose grant or route is gone was reset; counted beside the reason. */
  | 'connection-reset'
  | 'unknown-destination'
  | 'sentinel-port'
  | 'port-refused'
  | 'protocol-refused'
  | 'nat-protocol'
  | 'kept-merged'
  | 'kept-oldest-dropped'
  | 'authorization-failed'
  | 'no-path'
  /** A packet of a flow that only a gateway knew which is gone, while another one serves. */
  | 'gateway-changed'
  | 'name-inactive'
  | 'unknown-peer'
  | 'destination-not-own'
  | 'source-not-routed'
  /** A gateway's packet that does not answer a flow begun by this machine. */
  | 'no-flow'
  | 'flow-table-full'
  | 'control-from-tun'
  | 'control-direction'
  | 'bad-answer'
  | 'too-long'
