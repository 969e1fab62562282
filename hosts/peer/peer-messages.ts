// What the machines of both kinds of peer, client and gateway, hear and want.
import type { Role } from '../../core/control/messages.ts'
import type { LinkInput, LinkOutput } from '../../core/control/portal-link.ts'
import type { LaneCommand, LaneReport } from '../../core/flow/lane.ts'
import type { Datagram } from '../../core/runtime/datagram-socket.ts'
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import type { Note } from '../../core/runtime/note.ts'

export type PeerInput<R extends Role, FlowsOutput> =
  | { type: 'started' }
  | { type: 'stopped' }
  /** Of the connection to the portal. */
  | Extract<LinkInput<R>, { type: `connection${string}` | 'frameReceived' }>
  /** Our sockets are bound. */
  | { type: 'socketsOpened'; ports: { ipv4?: number; ipv6?: number } }
  /** This machine's addresses, without those of the tunnel device. */
  | { type: 'addressesChanged'; addresses: readonly string[] }
  /** Borrowed until `handle` returns. */
  | { type: 'datagramsReceived'; datagrams: readonly Datagram[] }
  /** Borrowed until `handle` returns. */
  | { type: 'tunPackets'; packets: readonly Uint8Array[] }
  /** By the worker of a native lane. */
  | { type: 'laneReported'; report: LaneReport<FlowsOutput> }

export type PeerOutput<R extends Role, FlowsInput> =
  | Extract<LinkOutput<R>, { type: 'openConnection' | 'closeConnection' | 'sendText' }>
  /** `isProbe`: see `Datagram`. */
  | { type: 'sendDatagram'; peer: Endpoint; datagram: Uint8Array; isProbe?: true | undefined }
  | { type: 'writeTun'; packet: Uint8Array }
  /** Of a native lane, in order with `sendDatagram`. */
  | { type: 'tellWorker'; command: LaneCommand<FlowsInput> }
  | Note
  /** The portal ended it: nothing more comes. */
  | { type: 'end'; reason: 'signed_out' | 'identity_in_use' | 'unreachable'; detail: string }
