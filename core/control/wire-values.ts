// The parts that control messages are made of, in wire names (wire §2). Objects ignore keys that they do
// not know; every text and list is bounded, because either end may be hostile.
import { z } from 'zod'

/** A UUID in any case; ids are compared as text, so both ends write lower case. */
export const Id = z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)

/** Padded base64 of 32 bytes: a public or a pre-shared key. */
export const Key = z.string().regex(/^[A-Za-z0-9+/]{43}=$/)

/** An IPv4 address without prefix length. */
export const Ipv4 = z.ipv4()

/** An IPv6 address without prefix length or zone. */
export const Ipv6 = z.ipv6()

/** Seconds since 1970, a JSON integer. */
export const UnixSeconds = z.int().nonnegative()

const text = (longest: number) => z.string().max(longest)

export const IceCredentials = z.object({ username: text(256), password: text(256) })
export type IceCredentials = z.infer<typeof IceCredentials>

/** Candidates as SDP text (`candidate:…`); whoever reads them skips what does not parse. */
export const Candidates = z.array(text(512)).max(256)

export const FlowLogs = z.object({
  api_url: text(2048),
  upload_interval_secs: z.int().nonnegative(),
  upload_batch_size: z.int().nonnegative(),
})
export type FlowLogs = z.infer<typeof FlowLogs>

/** A relay's address family; never used while the portal has no relays. */
export const Relay = z.discriminatedUnion('type', [
  z.object({ type: z.literal('stun'), id: Id, addr: text(64) }),
  z.object({
    type: z.literal('turn'),
    id: Id,
    addr: text(64),
    username: text(512),
    password: text(512),
    expires_at: UnixSeconds,
  }),
])
export type Relay = z.infer<typeof Relay>

export const Relays = z.array(Relay).max(64)

export const RelaysPresence = z.object({ disconnected_ids: z.array(Id).max(64), connected: Relays })
export type RelaysPresence = z.infer<typeof RelaysPresence>

const Port = z.int().min(0).max(0xffff)

/** Which packets a resource lets pass; absent ports mean all, and mean nothing for icmp. */
export const Filter = z.object({
  protocol: z.enum(['tcp', 'udp', 'icmp']),
  port_range_start: Port.optional(),
  port_range_end: Port.optional(),
})
export type Filter = z.infer<typeof Filter>

export const Filters = z.array(Filter).max(256)

/** The body of `no_relays` and of everything else that says all by its name. */
export const Empty = z.object({})

/** What a peer's data plane can do beyond plain ICE. */
export const SnownetCapabilities = z.object({ iceless: z.boolean() })

/** Portreeve's own additions that a peer understands (`FEATURES`); names that the portal does not know are ignored. */
export const Capabilities = z.object({ features: z.array(text(64)).max(64) })

/** Portreeve's additions, by the name that a peer lists in `set_capabilities`. */
export const FEATURES = {
  /** `reject_access` carries a `ref`, which the gateway answers with `access_rejected`. */
  acknowledgedReject: 'acknowledged_reject_access',
  /** `authorization_creation_failed` carries `details`. */
  denialDetails: 'denial_details',
  /** `request_authorization` carries `unreachable_gateway_ids`. */
  unreachableGateways: 'unreachable_gateway_ids',
  /** The interface carries `upstream_dot`. */
  upstreamDot: 'upstream_dot',
  /** The interface carries `signed_in_as`, `authorization_created` carries `gateway_name`. */
  names: 'names',
  /** `disconnect` carries `cause`, a code, and `detail`, the same in words, beside the one `reason` that released peers know. */
  endReasons: 'end_reasons',
  /** A gateway's: it answers records of all types of its resources' names. A client's: `authorization_created` carries `site_records`. */
  siteRecords: 'site_records',
  /** `create_authorization` carries `site_findings`; the gateway then says by `name_findings` what its site has trouble with. */
  siteFindings: 'site_findings',
} as const

/** An array of which bad members are left out instead of spoiling the whole. */
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
