import { z } from 'zod'
import { isHostName } from '../runtime/host-name.ts'
import { MAX_CLIENT_FACTS, MAX_OWN_FACT_CHARACTERS } from '../contract/fact-source.ts'
import { pathFields, ReportPaths } from './reported-path.ts'
import {
  boundedJson,
  Candidates,
  Capabilities,
  Empty,
  FactName,
  Filters,
  FlowLogs,
  IceCredentials,
  Id,
  Ipv4,
  Ipv6,
  Key,
  lenient,
  Relays,
  RelaysPresence,
  SnownetCapabilities,
  WireAddressRanges,
} from './wire-values.ts'

const UpstreamResolver = z.object({
  type: z.string().min(1).max(64),
  settings: z.record(z.string(), z.unknown()),
  match: z.array(z.string().max(253)).max(64).optional(),
})

/** Tunnel addresses of a client, its search domain and the upstream DNS servers of its account. */
export const ClientInterface = z.object({
  ipv4: Ipv4,
  ipv6: Ipv6,
  /** Written into the system's configuration, so anything but a host name is read as null. */
  search_domain: z.string().refine(isHostName).nullish().catch(null),
  upstream_do53: z
    .array(z.object({ ip: z.string().max(64) }))
    .max(32)
    .optional(),
  upstream_doh: z
    .array(z.object({ url: z.string().max(2048) }))
    .max(32)
    .optional(),
  /**
   * All upstream resolvers in the account's order, in place of `upstream_do53`, `upstream_doh` and `upstream_dns`: the
   * plugin's key, settings for it, and the domains to ask it for. Portreeve's addition, for clients with
   * `FEATURES.upstreamResolvers`.
   */
  upstream_resolvers: lenient(UpstreamResolver, 32).optional(),
  /**
   * Names of the facts that the portal wants this client to say of its own machine. Portreeve's addition, for clients with
   * `FEATURES.clientFacts`.
   */
  client_facts: z.array(FactName).max(MAX_CLIENT_FACTS).optional(),
  address_ranges: WireAddressRanges.optional(),
  /** Account and person, for people to read, and the person's id, which tells people apart. Portreeve's addition. */
  signed_in_as: z
    .object({ account_slug: z.string().max(256), actor_name: z.string().max(512), actor_id: Id.optional() })
    .optional(),
  /** Old form of `upstream_do53`, read only if that is empty. */
  upstream_dns: z
    .array(z.object({ protocol: z.literal('ip_port'), address: z.string().max(64) }))
    .max(32)
    .optional(),
})
export type ClientInterface = z.infer<typeof ClientInterface>

const Site = z.object({ id: Id, name: z.string().max(256) })

const addressed = {
  id: Id,
  name: z.string().max(256),
  address: z.string().min(1).max(253),
  address_description: z.string().max(2048).nullish(),
  sites: z.array(Site).max(16),
  filters: Filters.optional(),
  ip_stack: z.enum(['dual', 'ipv4_only', 'ipv6_only']).nullish(),
}

/**
 * A resource as a portal describes it to clients. An absent `ip_stack` is `dual`; absent or empty `filters` let
 * everything pass.
 */
export const ClientResource = z.discriminatedUnion('type', [
  z.object({ type: z.literal('dns'), ...addressed }),
  z.object({ type: z.literal('cidr'), ...addressed }),
  z.object({
    type: z.literal('internet'),
    id: Id,
    name: z.string().max(256).optional(),
    can_be_disabled: z.boolean().optional(),
    sites: z.array(Site).max(16),
  }),
])
export type ClientResource = z.infer<typeof ClientResource>

/** Part of one policy in a denial: each of its conditions, whether it holds and why. Portreeve's addition. */
export const DenialDetail = z.object({
  policy_id: Id,
  description: z.string().max(2048).nullable(),
  conditions: z
    .array(
      z.object({
        condition: z.string().max(64),
        holds: z.boolean(),
        reason: z.string().max(2048),
        /** Unix seconds of the next time at which the condition may hold. */
        again: z.int().optional(),
      }),
    )
    .max(64),
})
export type DenialDetail = z.infer<typeof DenialDetail>

/** Fact that a client says of its own machine. Portreeve's addition. */
export const ClientFact = z.object({
  name: FactName,
  /** Value that the portal's plugin validates; absent if the client does not know it. */
  value: boundedJson(MAX_OWN_FACT_CHARACTERS).optional(),
  /** Milliseconds since the client found the value out; 0 if absent. */
  age_ms: z.int().nonnegative().optional(),
})
export type ClientFact = z.infer<typeof ClientFact>

const GatewayCandidates = z.object({ gateway_id: Id, candidates: Candidates })
const BroadcastCandidates = z.object({ gateway_ids: z.array(Id).max(256), candidates: Candidates })

/**
 * Messages from a portal to a client. A malformed resource is left out of `init`; anything else malformed invalidates
 * its frame.
 */
export const portalToClient = {
  init: z.object({
    interface: ClientInterface,
    flow_logs: FlowLogs,
    resources: lenient(ClientResource, 10_000).optional(),
    relays: Relays.optional(),
    authorizations: z.array(z.unknown()).optional(),
  }),
  configChanged: z.object({ interface: ClientInterface }),
  resourceCreatedOrUpdated: ClientResource,
  /** Id of the resource, a bare string. */
  resourceDeleted: Id,
  authorizationCreated: z.object({
    resource_id: Id,
    gateway_id: Id,
    /** Name of the gateway for people to read. Portreeve's addition. */
    gateway_name: z.string().max(512).optional(),
    /**
     * Whether the gateway answers DNS queries of all types for its resources' names, not just SRV and TXT. Portreeve's
     * addition.
     */
    site_records: z.boolean().optional(),
    gateway_public_key: Key,
    gateway_ipv4: Ipv4,
    gateway_ipv6: Ipv6,
    site_id: Id,
    preshared_key: Key,
    client_ice_credentials: IceCredentials,
    gateway_ice_credentials: IceCredentials,
    use_iceless: z.boolean().optional(),
    flow_logs_ingest_token: z.string().max(16_384),
  }),
  authorizationCreationFailed: z.object({
    resource_id: Id,
    /**
     * `not_found`, `offline`, `forbidden`, `version_mismatch`, `transport_mismatch`, `disabled`, or something newer.
     */
    reason: z.string().max(256),
    violated_properties: z.array(z.string().max(256)).max(64).optional(),
    details: z.array(DenialDetail).max(256).optional(),
    /** Limit that was reached, a clause for people to read. Portreeve's addition. */
    limit: z.string().max(2048).optional(),
  }),
  iceCandidates: GatewayCandidates,
  invalidateIceCandidates: GatewayCandidates,
  relaysPresence: RelaysPresence,
  /** The portal has lost its connection to a gateway, which may have ended or may only be cut off. Portreeve's addition. */
  gatewayGone: z.object({ gateway_id: Id }),
  /** Asks the client to report how its packets go to gateways. Portreeve's addition. */
  reportPaths: ReportPaths,
} as const

/** Path from a client to a gateway. Portreeve's addition. */
export const ReportedPath = z.object({ gateway_id: Id, ...pathFields })
export type ReportedPath = z.infer<typeof ReportedPath>

/** Most gateways that a client reports paths to. */
export const MAX_REPORTED_PATHS = 64

/** Round trip in milliseconds to a gateway, and how long ago the client measured it. */
const MeasuredRoundTrip = z.object({
  gateway_id: Id,
  ms: z.number().min(0).max(60_000),
  age_ms: z.int().nonnegative(),
})

/** Messages from a client to a portal. */
export const clientToPortal = {
  requestAuthorization: z.object({
    resource_id: Id,
    connected_gateway_ids: z.array(Id).max(256),
    /** Gateways that do not answer this client. Portreeve's addition. */
    unreachable_gateway_ids: z.array(Id).max(256).optional(),
    /** Round trips to gateways that the client measured in the last hour. Portreeve's addition. */
    round_trips: lenient(MeasuredRoundTrip, 256).optional(),
    /**
     * Candidates of the client, for the gateway that is granted: it can begin to check them before the client knows of
     * it. The client sends them again once it does. Portreeve's addition.
     */
    candidates: Candidates.optional(),
    /**
     * Whether only a name of the resource was asked for, and no packet waits: browsers ask for names that they never use.
     * Portreeve's addition.
     */
    for_name: z.boolean().optional(),
  }),
  newGatewayIceCandidates: GatewayCandidates,
  invalidateGatewayIceCandidates: GatewayCandidates,
  /** Older form of `newGatewayIceCandidates`, in dialect v1 only. */
  broadcastIceCandidates: BroadcastCandidates,
  /** Older form of `invalidateGatewayIceCandidates`, in dialect v1 only. */
  broadcastInvalidatedIceCandidates: BroadcastCandidates,
  /** Sent by mistake by some released clients, in dialect v1 only. Has no effect. */
  requestDeviceAccess: z.unknown(),
  /** Facts of the client's own machine, of those in the interface's `client_facts`. Portreeve's addition. */
  clientFacts: z.object({ facts: z.array(ClientFact).max(MAX_CLIENT_FACTS) }),
  /** Paths to the gateways that serve the client: all of them, in place of those reported before. Portreeve's addition. */
  clientPaths: z.object({ paths: lenient(ReportedPath, MAX_REPORTED_PATHS) }),
  noRelays: Empty,
  setSnownetCapabilities: SnownetCapabilities,
  setCapabilities: Capabilities,
} as const
