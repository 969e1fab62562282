import { SITE_FINDINGS } from '../dns/site-finding.ts'
import { z } from 'zod'
import { pathFields, ReportPaths } from './reported-path.ts'
import {
  Candidates,
  Capabilities,
  Empty,
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
  UnixSeconds,
  WireAddressRanges,
} from './wire-values.ts'

const addressed = { id: Id, name: z.string().max(256), address: z.string().min(1).max(253), filters: Filters }

/** A resource as a portal describes it to gateways. Empty `filters` let everything pass. */
export const GatewayResource = z.discriminatedUnion('type', [
  z.object({ type: z.literal('dns'), ...addressed }),
  z.object({ type: z.literal('cidr'), ...addressed }),
  z.object({ type: z.literal('internet'), id: Id }),
])
export type GatewayResource = z.infer<typeof GatewayResource>

const word = z.string().max(512).nullish()

/** The client of an authorization. Only the first five keys matter; the others are for the logs of older gateways. */
export const AuthorizedClient = z.object({
  id: Id,
  public_key: Key,
  preshared_key: Key,
  ipv4: Ipv4,
  ipv6: Ipv6,
  version: word,
  device_serial: word,
  device_os_name: word,
  device_os_version: word,
  device_uuid: word,
  identifier_for_vendor: word,
  firebase_installation_id: word,
})
export type AuthorizedClient = z.infer<typeof AuthorizedClient>

/** Person of an authorization, for the logs of older gateways. */
export const Subject = z.object({
  actor_id: word,
  actor_name: word,
  actor_email: word,
  actor_type: word,
  auth_provider_id: word,
  ip: word,
  ip_region: word,
  ip_city: word,
  ip_lat: z.number().nullish(),
  ip_lon: z.number().nullish(),
  user_agent: word,
})
export type Subject = z.infer<typeof Subject>

/** An authorization that a gateway may go on serving after it joined again. */
export const HeldAuthorization = z.object({ client_id: Id, resource_id: Id, expires_at: UnixSeconds.nullable() })
export type HeldAuthorization = z.infer<typeof HeldAuthorization>

const Finding = z.enum(SITE_FINDINGS)

const ClientCandidates = z.object({ client_id: Id, candidates: Candidates })
const BroadcastCandidates = z.object({ client_ids: z.array(Id).max(1024), candidates: Candidates })

/** Messages from a portal to a gateway. Any malformed part invalidates its frame. */
export const portalToGateway = {
  init: z.object({
    interface: z.object({ ipv4: Ipv4, ipv6: Ipv6, address_ranges: WireAddressRanges.optional() }),
    config: z.object({ ipv4_masquerade_enabled: z.boolean(), ipv6_masquerade_enabled: z.boolean() }),
    flow_logs: FlowLogs,
    relays: Relays.optional(),
    account_slug: z.string().max(256).nullish(),
    authorizations: z.array(HeldAuthorization).max(100_000).optional(),
  }),
  createAuthorization: z.object({
    /** Opaque reference that the gateway repeats in `authorization_created`. */
    ref: z.string().max(4096),
    resource: GatewayResource,
    client: AuthorizedClient,
    subject: Subject.nullish(),
    client_ice_credentials: IceCredentials,
    gateway_ice_credentials: IceCredentials,
    /** End of the authorization; null if it does not expire. */
    expires_at: UnixSeconds.nullable(),
    use_iceless: z.boolean().optional(),
    /** Whether the portal understands `name_findings`. Portreeve's addition. */
    site_findings: z.boolean().optional(),
    flow_logs_ingest_token: z.string().max(16_384),
  }),
  rejectAccess: z.object({
    client_id: Id,
    resource_id: Id,
    /** Opaque reference that the gateway repeats in `access_rejected`. Portreeve's addition. */
    ref: z.string().max(4096).optional(),
  }),
  resourceUpdated: GatewayResource,
  /** Asks the gateway to report the load of its machine in an interval. Portreeve's addition. */
  reportLoad: z.object({ interval_ms: z.int().min(1_000).max(3_600_000) }),
  /** Asks the gateway to report how packets come and go to its clients. Portreeve's addition. */
  reportPaths: ReportPaths,
  /** Asks for `host_problems`: at once if there are any, and whenever they change. Portreeve's addition. */
  reportProblems: Empty,
  relaysPresence: RelaysPresence,
  iceCandidates: ClientCandidates,
  invalidateIceCandidates: ClientCandidates,
} as const

/** Path from a gateway to a client. Portreeve's addition. */
const PathToClient = z.object({ client_id: Id, ...pathFields })
export type PathToClient = z.infer<typeof PathToClient>

/** Most paths to clients in one message, so that it is no longer than a portal reads. */
export const MAX_PATHS_TO_CLIENTS = 64

/** Messages from a gateway to a portal. */
export const gatewayToPortal = {
  authorizationCreated: z.object({ ref: z.string().max(4096) }),
  /**
   * Acknowledges that the gateway passes no more packets of the grant that `reject_access` named. Portreeve's addition.
   */
  accessRejected: z.object({ ref: z.string().max(4096) }),
  /**
   * Outcome of resolving a resource's name at the site, by family; both `found` when a reported trouble is over.
   * Portreeve's addition.
   */
  nameFindings: z.object({ resource_id: Id, domain: z.string().min(1).max(253), ipv4: Finding, ipv6: Finding }),
  /**
   * Load of the gateway's machine since its last report, absent as far as it is not known: the share of its processors
   * in use, from 0 to 1, and bytes per second in both directions through its device. Portreeve's addition.
   */
  gatewayLoad: z.object({
    processor_share: z.number().min(0).max(1).optional(),
    bytes_per_second: z.number().min(0).max(1e13).optional(),
  }),
  /**
   * Problems of the gateway's machine that keep it from forwarding; empty once they are over. Portreeve's addition.
   */
  hostProblems: z.object({
    problems: z.array(z.object({ code: z.string().regex(/^[a-z0-9_]{1,64}$/), said: z.string().max(512) })).max(16),
  }),
  /**
   * Paths to clients that have changed since the gateway reported them; the kind is `none` where one is gone. Portreeve's
   * addition.
   */
  gatewayPaths: z.object({ paths: lenient(PathToClient, MAX_PATHS_TO_CLIENTS) }),
  broadcastIceCandidates: BroadcastCandidates,
  broadcastInvalidatedIceCandidates: BroadcastCandidates,
  noRelays: Empty,
  setSnownetCapabilities: SnownetCapabilities,
  setCapabilities: Capabilities,
} as const
