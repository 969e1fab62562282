import { z } from 'zod'
import { isHostName } from '../net/host-name.ts'
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
} from './wire-values.ts'

/** The client's end of the tunnel and who answers its names. */
export const ClientInterface = z.object({
  ipv4: Ipv4,
  ipv6: Ipv6,
  /** It goes into the system's configuration: what is no name is none. */
  search_domain: z.string().refine(isHostName).nullish().catch(null),
  upstream_do53: z
    .array(z.object({ ip: z.string().max(64) }))
    .max(32)
    .optional(),
  upstream_doh: z
    .array(z.object({ url: z.string().max(2048) }))
    .max(32)
    .optional(),
  /** DNS over TLS at port 853: Portreeve's addition, for clients with `FEATURES.upstreamDot`. */
  upstream_dot: z
    .array(z.object({ ip: z.string().max(64), server_name: z.string().min(1).max(253) }))
    .max(32)
    .optional(),
  /** Portreeve's addition: for people to read. */
  signed_in_as: z.object({ account_slug: z.string().max(256), actor_name: z.string().max(512) }).optional(),
  /** The old form of `upstream_do53`: read only while that is empty. */
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

/** A resource as its users see it. An absent `ip_stack` is `dual`, absent or empty `filters` let everything pass. */
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

/** What one policy has to say about a denial: Portreeve's addition. */
export const DenialDetail = z.object({
  policy_id: Id,
  description: z.string().max(2048).nullable(),
  conditions: z
    .array(
      z.object({
        condition: z.string().max(64),
        holds: z.boolean(),
        reason: z.string().max(2048),
        /** Unix seconds of when it may hold next. */
        again: z.int().optional(),
      }),
    )
    .max(64),
})
export type DenialDetail = z.infer<typeof DenialDetail>

const GatewayCandidates = z.object({ gateway_id: Id, candidates: Candidates })

/** What a portal says to a client. A resource that does not parse is left out of `init`, everything else spoils its frame. */
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
  /** The id of the resource, a bare string. */
  resourceDeleted: Id,
  authorizationCreated: z.object({
    resource_id: Id,
    gateway_id: Id,
    /** Portreeve's addition: for people to read. */
    gateway_name: z.string().max(512).optional(),
    /** Portreeve's addition: whether the gateway answers records of all types of its resources' names, and not SRV and TXT only. */
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
    /** `not_found`, `offline`, `forbidden`, `version_mismatch`, `disabled`, or something newer. */
    reason: z.string().max(256),
    violated_properties: z.array(z.string().max(256)).max(64).optional(),
    details: z.array(DenialDetail).max(256).optional(),
    /** Portreeve's addition: the bound that is reached, a clause for people. */
    limit: z.string().max(2048).optional(),
  }),
  iceCandidates: GatewayCandidates,
  invalidateIceCandidates: GatewayCandidates,
  relaysPresence: RelaysPresence,
} as const

/** What a client says to a portal. */
export const clientToPortal = {
  requestAuthorization: z.object({
    resource_id: Id,
    connected_gateway_ids: z.array(Id).max(256),
    /** Portreeve's addition: gateways that this client finds dead. */
    unreachable_gateway_ids: z.array(Id).max(256).optional(),
  }),
  newGatewayIceCandidates: GatewayCandidates,
  invalidateGatewayIceCandidates: GatewayCandidates,
  noRelays: Empty,
  setSnownetCapabilities: SnownetCapabilities,
  setCapabilities: Capabilities,
} as const
