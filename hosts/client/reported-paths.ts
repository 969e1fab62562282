import { MAX_RELAY_CHARACTERS, type ReportedPath } from '../../core/control/client-messages.ts'
import { whyNotDirect } from '../peer/why-not-direct.ts'
import type { GatheringStatus } from '../../core/ice/candidate-gathering.ts'
import type { PathsKnown } from '../peer/peer-path.ts'
import type { KnownGateway } from './gateway-table.ts'

/** Returns the paths to the gateways that serve a client, for its portal. */
export const reportedPaths = ({
  gateways,
  paths,
  reach,
}: {
  gateways: readonly Pick<KnownGateway, 'id'>[]
  paths: PathsKnown
  /** This client's own candidates. */
  reach: GatheringStatus
}): ReportedPath[] =>
  gateways.map(({ id }) => {
    const status = paths.pathStatus(id)
    if (status === undefined) return { gateway_id: id, kind: 'none' }
    const { kind, relay, roundTripMs, loss } = status
    const why = whyNotDirect(kind, { offered: paths.offered(id), own: reach })
    return {
      gateway_id: id,
      kind,
      ...(relay === undefined ? {} : { relay: relay.slice(0, MAX_RELAY_CHARACTERS) }),
      ...(why === undefined ? {} : { why }),
      ...(roundTripMs === undefined ? {} : { ms: Math.round(roundTripMs * 10) / 10 }),
      ...(loss === undefined ? {} : loss),
    }
  })
