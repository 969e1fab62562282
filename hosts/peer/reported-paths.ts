import { MAX_RELAY_CHARACTERS } from '../../core/control/reported-path.ts'
import type { GatheringStatus } from '../../core/ice/candidate-gathering.ts'
import type { PathToPeer } from './path-reports.ts'
import type { PathsKnown } from './peer-path.ts'
import { whyNotDirect } from './why-not-direct.ts'

/** Returns the paths to peers, for the portal. */
export const reportedPaths = (
  peers: readonly string[],
  {
    paths,
    reach,
  }: {
    paths: PathsKnown
    /** Candidates of this end. */
    reach: GatheringStatus
  },
): PathToPeer[] =>
  peers.map((peer) => {
    const status = paths.pathStatus(peer)
    if (status === undefined) return { peer, kind: 'none' }
    const { kind, relay, roundTripMs, loss } = status
    const why = whyNotDirect(kind, { offered: paths.offered(peer), own: reach })
    return {
      peer,
      kind,
      ...(relay === undefined ? {} : { relay: relay.slice(0, MAX_RELAY_CHARACTERS) }),
      ...(why === undefined ? {} : { why }),
      ...(roundTripMs === undefined ? {} : { ms: Math.round(roundTripMs * 10) / 10 }),
      ...(loss === undefined ? {} : loss),
    }
  })
