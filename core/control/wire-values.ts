// Parts of control messages, by their names on the wire (wire §2). Objects ignore unknown keys; every text and
// list is bounded, because either end may be hostile.
import { z } from 'zod'

/** A UUID in either case. Ids are compared as text, so both ends write lower case. */
export const Id = z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)

/** A public or pre-shared key: 32 bytes in padded base64. */
export const Key = z.string().regex(/^[A-Za-z0-9+/]{43}=$/)

/** An IPv4 address without prefix length. */
export const Ipv4 = z.ipv4()

/** An IPv6 address without prefix length or zone. */
export const Ipv6 = z.ipv6()

/** Seconds since 1970, a JSON integer. */
export const UnixSeconds = z.int().nonnegative()

const text = (longest: number) => z.string().max(longest)

/** User name and password of one ICE agent. */
export const IceCredentials = z.object({ username: text(256), password: text(256) })
export type IceCredentials = z.infer<typeof IceCredentials>

/** ICE candidates as SDP text (`candidate:…`). Readers skip those that are malformed. */
export const Candidates = z.array(text(512)).max(256)

/** Settings for uploading flow logs. */
export const FlowLogs = z.object({
  api_url: text(2048),
  upload_interval_secs: z.int().nonnegative(),
  upload_batch_size: z.int().nonnegative(),
})
export type FlowLogs = z.infer<typeof FlowLogs>

/**
 * A STUN server or a relay. An entry of the type `turn` is one endpoint of a relay, whose endpoints share their id. The portal
 * sends `stun` to peers with `FEATURES.stun` only.
 */
export const Relay = z.discriminatedUnion('type', [
  z.object({ type: z.literal('stun'), id: Id, addr: text(64) }),
  z.object({
    type: z.literal('turn'),
    id: Id,
    addr: text(64),
    username: text(512),
    password: text(512),
    expires_at: UnixSeconds,
    /**
     * URL of a WebSocket that carries the same datagrams. Portreeve's addition, for peers with `FEATURES.relayWebsocket`.
     */
    websocket_url: text(2048).optional(),
  }),
])
export type Relay = z.infer<typeof Relay>

export const Relays = z.array(Relay).max(64)

/** Change of the available relays. */
export const RelaysPresence = z.object({ disconnected_ids: z.array(Id).max(64), connected: Relays })
export type RelaysPresence = z.infer<typeof RelaysPresence>

const Port = z.int().min(0).max(0xffff)

/** Packets that a resource lets pass. Absent ports mean all; ports have no meaning for icmp. */
export const Filter = z.object({
  protocol: z.enum(['tcp', 'udp', 'icmp']),
  port_range_start: Port.optional(),
  port_range_end: Port.optional(),
})
export type Filter = z.infer<typeof Filter>

export const Filters = z.array(Filter).max(256)

/** Payload of a message that carries no data, such as `no_relays`. */
export const Empty = z.object({})

/** Capabilities of a peer's data plane beyond plain ICE. */
export const SnownetCapabilities = z.object({ iceless: z.boolean() })

/** Portreeve's additions to the protocol that a peer understands (`FEATURES`). The portal ignores unknown names. */
export const Capabilities = z.object({ features: z.array(text(64)).max(64) })

/** Portreeve's additions to the protocol, by the name that a peer lists in `set_capabilities`. */
export const FEATURES = {
  /** `reject_access` carries a `ref`, which the gateway answers with `access_rejected`. */
  acknowledgedReject: 'acknowledged_reject_access',
  /** `authorization_creation_failed` carries `details`. */
  denialDetails: 'denial_details',
  /**
   * `authorization_creation_failed` may have the reason `transport_mismatch`: no gateway of the site has the client's
   * tunnel transport.
   */
  transports: 'transports',
  /** `request_authorization` carries `unreachable_gateway_ids`. */
  unreachableGateways: 'unreachable_gateway_ids',
  /** `request_authorization` carries `round_trips`. */
  roundTrips: 'round_trips',
  /**
   * A client or gateway that lists it is sent `report_paths`, and then reports how packets go: to gateways by
   * `client_paths`, to clients by `gateway_paths`.
   */
  pathReports: 'path_reports',
  /**
   * A gateway that lists it is sent `report_load`, and then reports the load of its machine by `gateway_load`.
   */
  loadReports: 'load_reports',
  /**
   * A gateway that lists it is sent `report_problems`, and then reports problems of its machine that keep it from
   * forwarding by `host_problems`.
   */
  hostProblems: 'host_problems',
  /** The interface carries `upstream_resolvers`. */
  upstreamResolvers: 'upstream_resolvers',
  /** The interface carries `client_facts`; the client then says these facts of its own machine by `client_facts`. */
  clientFacts: 'client_facts',
  /** The interface carries `signed_in_as`, `authorization_created` carries `gateway_name`. */
  names: 'names',
  /**
   * `disconnect` carries a code in `cause` and its explanation in `detail`, beside the one `reason` that older peers
   * know.
   */
  endReasons: 'end_reasons',
  /**
   * A gateway that lists it answers DNS queries of all types for its resources' names; to a client,
   * `authorization_created` carries `site_records`.
   */
  siteRecords: 'site_records',
  /**
   * `create_authorization` carries `site_findings`; the gateway then reports names that its site cannot resolve by
   * `name_findings`.
   */
  siteFindings: 'site_findings',
  /** `relays_presence` carries the portal's STUN server, an entry of the type `stun` for each of its endpoints. */
  stun: 'stun',
  /** A client that lists it is sent `gateway_gone` when the portal loses a gateway that serves it. */
  gatewayGone: 'gateway_gone',
  /** Entries of relays carry `websocket_url`. */
  relayWebsocket: 'relay_websocket',
  /** The interface of an account with address ranges of its own carries `address_ranges`, which the peer heeds. */
  addressRanges: 'address_ranges',
} as const

const rangeText = z.string().max(64)
/**
 * Ranges of addresses of the account's tunnels, in the interface of its peers where they are not the usual ones.
 * Portreeve's addition.
 */
export const WireAddressRanges = z.object({
  devices_ipv4: rangeText,
  devices_ipv6: rangeText,
  mapped_ipv4: rangeText,
  mapped_ipv6: rangeText,
})

/** Name of a fact, such as `disk.encrypted`. */
export const FactName = text(100)

/** Plain data of at most `longest` characters as JSON. */
export const boundedJson = (longest: number) =>
  z.unknown().refine((value) => {
    try {
      return (JSON.stringify(value) ?? '').length <= longest
    } catch {
      // Nested too deeply to be written.
      return false
    }
  })

/** Makes the schema of an array of at most `most` members that drops malformed members instead of failing. */
export const lenient = <T extends z.ZodType>(member: T, most: number) =>
  z
    .array(z.unknown())
    .max(most)
    .transform((members): z.output<T>[] =>
      members.flatMap((each) => {
        const parsed = member.safeParse(each)
        return parsed.success ? [parsed.data] : []
      }),
    )
