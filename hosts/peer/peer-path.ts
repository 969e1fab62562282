import type { GatheringStatus } from '../../core/ice/candidate-gathering.ts'
import type { PathLoss } from '../../core/ice/check-losses.ts'
import type { PeerTunnels } from '../../core/ice/peer-tunnels.ts'
import { unixOf, type ClockPair, type Instant } from '../../core/runtime/time.ts'
import type { IndirectReason, PathKind } from '../../core/ice/path-kind.ts'
import { indirectText, whyNotDirect } from './why-not-direct.ts'

/** Way that packets take to one peer, and how much goes there; for people and scripts. */
export interface PeerPath {
  /** Endpoint that packets are sent to, as `192.0.2.1:52625`; null while there is no path. */
  path: string | null
  /** Kind of the path; null without one. */
  path_kind: PathKind | null
  /**
   * Relay that carries the packets, as `192.0.2.1:3478`, or its address alone where the peer has chosen it; null without
   * one.
   */
  relay: string | null
  /** Why packets take a relay: a code, and a sentence or two; null for a path without one. */
  not_direct: { code: IndirectReason; said: string } | null
  /** Time in milliseconds to the peer and back, as last measured; null if it is unknown. */
  round_trip_ms: number | null
  /** Time of the last answer to a check of the path (ISO 8601); null before the first. */
  last_answer: string | null
  /** Checks of the path that were not answered, of the last hundred; null before the first. */
  loss: PathLoss | null
  /** Bytes of packets sent to the peer since the tunnel was set up. */
  sent_bytes: number
  /** Bytes of packets received from it since then. */
  received_bytes: number
  /** Time at which the path was lost (ISO 8601); null while there is one, and before the first. */
  lost_at: string | null
  /** Path MTU in bytes; 1280 until larger packets were shown to pass. */
  mtu: number
  /** Time of the last handshake (ISO 8601); null before the first. */
  last_handshake: string | null
}

/** Part of `PeerTunnels` that tells of paths. */
export type PathsKnown = Pick<PeerTunnels, 'pathStatus' | 'use' | 'mtu' | 'offered'>

/** Describes the path to a peer. `other`: which end the peer is. */
export const peerPath = (
  peer: string,
  {
    paths,
    own,
    other,
    clocks,
  }: { paths: PathsKnown; own: GatheringStatus; other: 'gateway' | 'client'; clocks: ClockPair },
): PeerPath => {
  const status = paths.pathStatus(peer)
  const use = paths.use(peer)
  const offered = paths.offered(peer)
  const indirect = status && whyNotDirect(status.kind, { offered, own })
  return {
    path: status?.path ?? null,
    path_kind: status?.kind ?? null,
    relay: status?.relay ?? null,
    not_direct: indirect === undefined ? null : { code: indirect, said: indirectText(indirect, other, offered) },
    round_trip_ms: status?.roundTripMs ?? null,
    last_answer: timeText(status?.answeredAt, clocks),
    loss: status?.loss ?? null,
    sent_bytes: use?.sentBytes ?? 0,
    received_bytes: use?.receivedBytes ?? 0,
    lost_at: timeText(use?.lostAt, clocks),
    mtu: paths.mtu(peer),
    last_handshake: timeText(use?.handshakeAt, clocks),
  }
}

const timeText = (at: Instant | undefined, clocks: ClockPair): string | null =>
  at === undefined ? null : new Date(unixOf(at, clocks)).toISOString()
