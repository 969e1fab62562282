import { FEATURES, type Role } from '../../core/control/messages.ts'

/** Portreeve's additions to the protocol that each role understands. */
export const UNDERSTOOD_FEATURES: Readonly<Record<Role, readonly string[]>> = {
  client: [
    FEATURES.denialDetails,
    FEATURES.transports,
    FEATURES.unreachableGateways,
    FEATURES.names,
    FEATURES.siteRecords,
    FEATURES.upstreamResolvers,
    FEATURES.endReasons,
    FEATURES.clientFacts,
    FEATURES.stun,
    FEATURES.relayWebsocket,
    FEATURES.roundTrips,
    FEATURES.pathReports,
    FEATURES.addressRanges,
    FEATURES.gatewayGone,
  ],
  gateway: [
    FEATURES.acknowledgedReject,
    FEATURES.siteRecords,
    FEATURES.siteFindings,
    FEATURES.endReasons,
    FEATURES.stun,
    FEATURES.relayWebsocket,
    FEATURES.loadReports,
    FEATURES.hostProblems,
    FEATURES.pathReports,
    FEATURES.addressRanges,
  ],
}
