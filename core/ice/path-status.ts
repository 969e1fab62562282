import type { Endpoint } from '../runtime/endpoint.ts'
import { splitPath } from '../runtime/path.ts'
import type { Instant } from '../runtime/time.ts'
import type { PathKind } from './path-kind.ts'
import { isRelayed, type CandidatePair } from './candidate-pair.ts'
import type { PathLoss } from './check-losses.ts'

/** Path in use to a peer, for people. */
export interface PathStatus {
  /** Endpoint of the other end, as this end, or its relay, sends to it. */
  path: Endpoint
  kind: PathKind
  /**
   * The relay: its endpoint or the URL of its WebSocket, or its address alone where the other end has chosen it; absent
   * unless the path is relayed.
   */
  relay?: string
  /** Time in milliseconds that the latest check took to be answered; undefined before the first. */
  roundTripMs: number | undefined
  /** Time of the last answer to a check; undefined before the first. */
  answeredAt: Instant | undefined
  /** Loss among its latest checks; undefined before one was answered or given up. */
  loss: PathLoss | undefined
}

/** Describes a pair for people. */
export const pathStatus = (pair: CandidatePair, loss: PathLoss | undefined): PathStatus => {
  const { remote, roundTripMs, answeredAt } = pair
  const path = remote.endpoint
  if (!isRelayed(pair)) return { path, kind: remote.type === 'host' ? 'direct' : 'nat', roundTripMs, answeredAt, loss }
  const { to, channel } = splitPath(pair.path)
  return { path, kind: 'relayed', relay: channel === undefined ? remote.address : to, roundTripMs, answeredAt, loss }
}
