import type { PeerId, TunnelKeysOutput, TunnelTraffic } from '../contract/tunnel-transport.ts'
import type { IceCredentials } from '../crypto/pair-secrets.ts'
import type { Endpoint } from '../runtime/endpoint.ts'
import type { TunnelPath } from '../runtime/path.ts'
import type { TransportFault } from './guarded-tunnel.ts'
import type { CandidatesInput } from './ice-agents.ts'
import type { PathDatagram } from './ice-agent-messages.ts'

/** Inputs of `PeerTunnels`. */
export type PeerTunnelsInput =
  /**
   * Adds a peer, or changes a known one, which keeps its session if the keys are the same, and its path if the ICE
   * credentials are.
   */
  | ({ type: 'peerAdded'; peer: PeerId } & PeerSecrets)
  | { type: 'peerRemoved'; peer: PeerId }
  | CandidatesInput
  /** The portal has lost a peer: whether it is gone is found out soon, by its path. */
  | { type: 'peerDoubted'; peer: PeerId }
  /** The portal has answered since `pathUnanswered`: this machine's own network works. */
  | { type: 'networkAnswered' }
  | { type: 'packetQueued'; peer: PeerId; packet: Uint8Array }
  /** Somebody asks how the path to a peer does: it is checked soon, as before a packet. */
  | { type: 'pathQuestioned'; peer: PeerId }
  | { type: 'datagramReceived'; path: TunnelPath; datagram: Uint8Array }
  /** Traffic of a lane that encrypts packets with exported keys. */
  | ({ type: 'trafficSeen' } & TunnelTraffic<TunnelPath>)

/** Keys and ICE credentials for one peer; `local` are the own ICE credentials. */
export interface PeerSecrets {
  /** Tunnel public key, 32 bytes. */
  publicKey: Uint8Array
  /** WireGuard pre-shared key, 32 bytes. */
  presharedKey: Uint8Array
  local: IceCredentials
  remote: IceCredentials
}

/** Outputs of `PeerTunnels`: datagrams to send, inputs for the lane, and changes of paths and sessions. */
export type PeerTunnelsOutput =
  | ({ type: 'sendDatagram' } & PathDatagram)
  | ToLane
  | { type: 'pathChosen'; peer: PeerId; path: TunnelPath }
  /** The path to a peer is silent: whether the portal answers tells whose network does not work. Of the controlling role only. */
  | { type: 'pathUnanswered'; peer: PeerId }
  /** The path to the peer may be dead; whether it is will be known in seconds. */
  | { type: 'pathDoubted'; peer: PeerId }
  /** The path to the peer answers again, after it was doubted. */
  | { type: 'pathAnswers'; peer: PeerId }
  /** There is no path to the peer at present; another `pathChosen` may follow. */
  | { type: 'pathLost'; peer: PeerId }
  /**
   * Attempts to reach the peer have ended; it stays added, and another `pathChosen` may follow once one of the two ends
   * has another network. `tried`: endpoints that it has offered.
   */
  | { type: 'peerFailed'; peer: PeerId; reason: string; tried?: readonly Endpoint[] }
  | { type: 'sessionEstablished'; peer: PeerId }
  /** A call to the transport plugin failed; what it was about was dropped. */
  | ({ type: 'transportFaulted' } & TransportFault)

/** Inputs of the lane that moves the packets of these tunnels (`LaneInput` of core/flow/lane.ts). */
export type ToLane =
  | { type: 'flowsTold'; input: TunnelFact }
  | { type: 'keysExported'; output: TunnelKeysOutput<TunnelPath> }

/** Inputs of the packet engine that come from tunnels. */
export type TunnelFact =
  | { type: 'tunnelPacket'; peer: PeerId; packet: Uint8Array }
  /** The MTU of the path to a peer has changed, in bytes. */
  | { type: 'mtuChanged'; peer: PeerId; mtu: number }
