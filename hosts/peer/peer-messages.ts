// Inputs and outputs common to the machines of client and gateway.
import type { ClientFlowsInput, ClientFlowsOutput } from '../../core/flow/client/client-flows.ts'
import type { GatewayFlowsInput, GatewayFlowsOutput } from '../../core/flow/gateway/gateway-flows.ts'
import type { LaneCommand, LaneReport } from '../../core/flow/lane.ts'
import type { Role } from '../../core/control/messages.ts'
import type { LinkInput, LinkOutput } from '../../core/control/portal-link.ts'
import type { AddressesChanged } from '../../core/ice/candidate-gathering.ts'
import type { PeerPathsInput, PeerPathsOutput } from '../../core/ice/peer-paths.ts'
import type { Datagram, ReceivedDatagram } from '../../core/runtime/datagram-socket.ts'
import type { Note } from '../../core/runtime/note.ts'

/** Inputs and outputs of the packet engine by role. */
export interface FlowsOf {
  client: { input: ClientFlowsInput; output: ClientFlowsOutput }
  gateway: { input: GatewayFlowsInput; output: GatewayFlowsOutput }
}

export type PeerInput<R extends Role> =
  | { type: 'started' }
  | { type: 'stopped' }
  | PortalSocketInput<R>
  /** UDP sockets are bound. */
  | { type: 'socketsOpened'; ports: { ipv4?: number; ipv6?: number } }
  | AddressesChanged
  | Extract<PeerPathsInput, { type: 'nat64Changed' | 'socketOpened' | 'socketClosed' }>
  /** Received datagrams, whose bytes are borrowed until `handle` returns. */
  | { type: 'datagramsReceived'; datagrams: readonly ReceivedDatagram[] }
  /** Packets read from the TUN device, whose bytes are borrowed until `handle` returns. */
  | { type: 'tunPackets'; packets: readonly Uint8Array[] }
  /** Report of a native lane's worker. */
  | { type: 'laneReported'; report: LaneReport<FlowsOf[R]['output']> }

/** Events of the connection to the portal. */
export type PortalSocketInput<R extends Role> = Extract<LinkInput<R>, { type: `connection${string}` | 'frameReceived' }>

export type PeerOutput<R extends Role> =
  | Extract<LinkOutput<R>, { type: 'openConnection' | 'closeConnection' | 'sendText' }>
  | ({ type: 'sendDatagram' } & Datagram)
  | Extract<PeerPathsOutput, { type: 'openSocket' | 'closeSocket' }>
  | { type: 'writeTun'; packet: Uint8Array }
  /** Command to the worker of a native lane, in order with `sendDatagram`. */
  | { type: 'tellWorker'; command: LaneCommand<FlowsOf[R]['input']> }
  | Note
  /** The link to the portal has ended for good; no further output follows. */
  | { type: 'end'; reason: 'signed_out' | 'identity_in_use' | 'unreachable'; detail: string }
