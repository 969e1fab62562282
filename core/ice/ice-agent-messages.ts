import type { IceCredentials } from '../crypto/pair-secrets.ts'
import type { Datagram } from '../runtime/datagram-socket.ts'
import type { Endpoint } from '../runtime/endpoint.ts'
import type { TunnelPath } from '../runtime/path.ts'
import type { Random } from '../runtime/random.ts'
import type { Candidate } from './candidate.ts'
import type { IceRole } from './connectivity-check.ts'
import type { RelayedPaths } from './relayed-paths.ts'
import type { StunMessage } from '../stun/stun-message.ts'

/** Options of `IceAgent`. */
export interface IceAgentOptions {
  role: IceRole
  local: IceCredentials
  remote: IceCredentials
  random: Random
  /** Datagram sizes in bytes, largest first, with which to probe the path in use; multiples of 4. */
  probes?: readonly number[]
  /** Paths over this machine's allocations at relays; none by default. */
  relayed?: RelayedPaths | undefined
  /** Tells whether UDP counts as blocked, so that a silent direct path is left soon; never by default. */
  isUdpBlocked?: (() => boolean) | undefined
}

/** Inputs of `IceAgent`. */
export type IceAgentInput =
  /** Replaces the local candidates. If they have changed, all paths are checked again: the machine may have moved. */
  | { type: 'localCandidatesChanged'; candidates: readonly Candidate[] }
  /** Candidates from the peer as text; malformed ones are skipped. */
  | { type: 'remoteCandidatesAdded'; candidates: readonly string[] }
  | { type: 'remoteCandidatesRemoved'; candidates: readonly string[] }
  /** A default route of this machine has changed: if there is no path, all are checked again at once. */
  | { type: 'networkChanged' }
  | { type: 'messageReceived'; path: TunnelPath; message: StunMessage }
  /** The portal has lost the peer: the path in use is checked at once. */
  | { type: 'peerDoubted' }
  /** Somebody else has answered since `pathUnanswered`: this machine's own network works. */
  | { type: 'networkAnswered' }
  /**
   * The tunnel carries packets: with `path`, an authentic one was received there; without, one was sent. Once per batch
   * suffices.
   */
  | { type: 'trafficSeen'; path?: TunnelPath }

/** A datagram to send to a peer over a path. */
export type PathDatagram = Omit<Datagram, 'to'> & { to: TunnelPath }

/** Outputs of `IceAgent`: datagrams to send, and changes of the path. */
export type IceAgentOutput =
  | ({ type: 'sendDatagram' } & PathDatagram)
  /** Pairs over relays were added, after the direct ones had a head start: the peer is perhaps reached there. */
  | { type: 'relaysPaired' }
  /** Use this path. */
  | { type: 'pathChosen'; path: TunnelPath }
  /**
   * Largest of `probes`, in bytes, that the path in use carries and the other end accepts; undefined if none is
   * confirmed.
   */
  | { type: 'pathCarries'; datagramBytes: number | undefined }
  /** A check of the path in use was repeated: it matters whether this machine's own network works. Of the controlling agent only. */
  | { type: 'pathUnanswered' }
  /** The path in use has answered no check for half a second: it may be dead. Of the controlling agent only. */
  | { type: 'pathDoubted' }
  /** The path in use answers again, after it was doubted. */
  | { type: 'pathAnswers' }
  /** The path in use is dead, and no other works. Checks go on, and another `pathChosen` may follow. */
  | { type: 'pathLost' }
  /**
   * The controlling agent has not found a path in time, or not found another, and rests. It checks paths again when this
   * machine gets another network, and when the peer is heard or signals candidates: then `pathChosen` may follow.
   * `tried`: the endpoints that the peer has offered.
   */
  | { type: 'failed'; reason: 'no-remote-candidates' | 'no-path' | 'path-lost'; tried: readonly Endpoint[] }
