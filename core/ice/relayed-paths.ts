import type { Endpoint } from '../runtime/endpoint.ts'
import type { ChannelPath } from '../runtime/path.ts'
import type { Instant } from '../runtime/time.ts'

/** Paths over this machine's allocations at relays, as far as ICE agents need to know them. */
export interface RelayedPaths {
  /**
   * Returns the path from an allocation, named by its relayed endpoint, to a peer's endpoint; undefined if the allocation
   * is gone or has no channel left. The same pair of endpoints keeps its path.
   */
  pathTo: (allocation: Endpoint, peer: Endpoint, now: Instant) => ChannelPath | undefined
  /** Returns both ends of a path; undefined if no such path is known. */
  endsOf: (path: ChannelPath) => { allocation: Endpoint; peer: Endpoint } | undefined
}

/** A machine without relays. */
export const NO_RELAYED_PATHS: RelayedPaths = { pathTo: () => undefined, endsOf: () => undefined }
