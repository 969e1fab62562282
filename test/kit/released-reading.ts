// Strict readers of what a portal sends to released peers: fields, tags and defaults as test/vector/protocol/README.md
// lists them. A frame that a released peer would drop is an error here.
import { z } from 'zod'
import type { Dialect } from '../../core/control/events.ts'

const uuid = z.uuid()
const key = z.string().regex(/^[A-Za-z0-9+/]{43}=$/)
const ipv4 = z.ipv4()
const ipv6 = z.ipv6()
const seconds = z.int().nonnegative()
/** `ip:port` or `[ip]:port`, never a name. */
const socketAddress = z.string().regex(/^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\]):\d{1,5}$/i)
const port = z.int().min(0).max(65_535)
const credentials = z.object({ username: z.string(), password: z.string() })

const tunnelInterface = z.object({ ipv4, ipv6 })
const clientInterface = tunnelInterface.extend({
  search_domain: z.string().min(1).nullish(),
  upstream_do53: z.array(z.object({ ip: z.union([ipv4, ipv6]) })).optional(),
  upstream_doh: z
    .array(
      z.object({
        url: z
          .url()
          .startsWith('https://')
          .regex(/^[^?]*$/),
      }),
    )
    .optional(),
  upstream_dns: z.array(z.object({ protocol: z.literal('ip_port'), address: socketAddress })).optional(),
})
const flowLogs = z.object({
  api_url: z.url(),
  upload_interval_secs: z.literal(0),
  upload_batch_size: z.literal(0),
})
const filter = z.object({
  protocol: z.enum(['tcp', 'udp', 'icmp']),
  port_range_start: port.optional(),
  port_range_end: port.optional(),
})
const relay = z.discriminatedUnion('type', [
  z.object({ type: z.literal('stun'), id: uuid, addr: socketAddress }),
  z.object({
    type: z.literal('turn'),
    id: uuid,
    addr: socketAddress,
    username: z.string(),
    password: z.string(),
    expires_at: seconds,
  }),
])
const relays = z.array(relay)
/** Network with a prefix length; host bits are refused by the tests' own portal already. */
const network = z.string().regex(/^[0-9a-f.:]+\/\d{1,3}$/i)
const sites = z.array(z.object({ id: uuid, name: z.string() }))

/** Exactly one of two names of one field: both are an error to released clients, and none is a missing field. */
const oneOf = (names: readonly [string, string]) => (value: object) =>
  names.filter((name) => name in value).length === 1

const ofClient = {
  id: uuid,
  name: z.string(),
  address_description: z.string().nullish(),
  sites: sites.optional(),
  gateway_groups: sites.optional(),
  ip_stack: z.enum(['dual', 'ipv4_only', 'ipv6_only']).nullish(),
  filters: z.array(filter).optional(),
}
const clientResource = z
  .discriminatedUnion('type', [
    z.object({ ...ofClient, type: z.literal('dns'), address: z.string().min(1) }),
    z.object({ ...ofClient, type: z.literal('cidr'), address: network }),
    z.object({ ...ofClient, type: z.literal('internet'), name: z.string().optional() }),
  ])
  .refine(oneOf(['sites', 'gateway_groups']), 'exactly one of sites and gateway_groups')

const ofGateway = { id: uuid, name: z.string(), filters: z.array(filter) }
const gatewayResource = z.discriminatedUnion('type', [
  z.object({ ...ofGateway, type: z.literal('dns'), address: z.string().min(1) }),
  z.object({ ...ofGateway, type: z.literal('cidr'), address: network }),
  z.object({ type: z.literal('internet'), id: uuid }),
])

const claims = z.object({
  account_id: z.string(),
  iat: seconds,
  exp: seconds,
  uploads_enabled: z.boolean(),
  role: z.enum(['initiator', 'responder']),
  initiator_device_id: z.string(),
  responder_device_id: z.string(),
  policy_authorization_id: z.string(),
  policy_id: z.string(),
  resource_id: z.string(),
  resource_name: z.string(),
  initiator_actor_id: z.string(),
  initiator_actor_name: z.string(),
  authorized_at: z.string(),
  authorization_expires_at: z.string(),
})

const ingestToken = z.string().refine((token) => {
  const parts = token.split('.')
  if (parts.length !== 3 || parts.some((part) => !/^[\w-]+$/.test(part))) return false
  const [header, body] = parts.map((part) => Buffer.from(part, 'base64url').toString('utf8'))
  return /"alg":"HS256"/.test(header ?? '') && claims.safeParse(JSON.parse(body ?? '')).success
}, 'an HS256 token with the claims of flow logs')

/** Readers of the payloads whose fields the dialects demand differently: v1 ignores whatever is about flow logs. */
const readers = (isNewer: boolean) => {
  const logs = isNewer ? { flow_logs: flowLogs } : {}
  const token = isNewer ? { flow_logs_ingest_token: ingestToken } : {}
  const granted = z
    .object({
      resource_id: uuid,
      gateway_id: uuid,
      gateway_public_key: key,
      gateway_ipv4: ipv4,
      gateway_ipv6: ipv6,
      site_id: uuid.optional(),
      gateway_group_id: uuid.optional(),
      preshared_key: key,
      client_ice_credentials: credentials,
      gateway_ice_credentials: credentials,
      use_iceless: z.boolean().optional(),
      ...token,
    })
    .refine(oneOf(['site_id', 'gateway_group_id']), 'exactly one of site_id and gateway_group_id')
  const failed = z.object({
    resource_id: uuid,
    reason: z.string(),
    violated_properties: z.array(z.string()).optional(),
  })
  const create = z.object({
    ref: z.string(),
    resource: gatewayResource,
    client: z.object({ id: uuid, public_key: key, preshared_key: key, ipv4, ipv6 }),
    client_ice_credentials: credentials,
    gateway_ice_credentials: credentials,
    expires_at: seconds.nullable(),
    use_iceless: z.boolean().optional(),
    ...token,
  })
  const candidates = { candidates: z.array(z.string()) }
  const presence = z.object({ disconnected_ids: z.array(uuid), connected: relays })
  const client = {
    init: z.object({
      interface: clientInterface,
      resources: z.array(clientResource).optional(),
      relays: relays.optional(),
      authorizations: z.array(z.unknown()).optional(),
      ...logs,
    }),
    config_changed: z.object({ interface: clientInterface }),
    resource_created_or_updated: clientResource,
    resource_deleted: uuid,
    ice_candidates: z.object({ gateway_id: uuid, ...candidates }),
    invalidate_ice_candidates: z.object({ gateway_id: uuid, ...candidates }),
    relays_presence: presence,
    ...(isNewer
      ? { authorization_created: granted, authorization_creation_failed: failed }
      : { flow_created: granted, flow_creation_failed: failed }),
  }
  const gateway = {
    init: z.object({
      interface: tunnelInterface,
      config: z.object({ ipv4_masquerade_enabled: z.boolean(), ipv6_masquerade_enabled: z.boolean() }),
      relays: relays.optional(),
      account_slug: z.string().nullish(),
      authorizations: z.array(z.object({ client_id: uuid, resource_id: uuid, expires_at: seconds })).optional(),
      ...logs,
    }),
    reject_access: z.object({ client_id: uuid, resource_id: uuid }),
    resource_updated: gatewayResource,
    ice_candidates: z.object({ client_id: uuid, ...candidates }),
    invalidate_ice_candidates: z.object({ client_id: uuid, ...candidates }),
    relays_presence: presence,
    ...(isNewer ? { create_authorization: create } : { authorize_flow: create }),
  }
  return { client, gateway }
}

const READERS: Record<Dialect, Record<'client' | 'gateway', Record<string, z.ZodType>>> = {
  v2: readers(true),
  v1: readers(false),
}

/** Framing events that both roles and dialects know, with their exact payloads. */
const FRAMING: Record<string, z.ZodType> = {
  phx_reply: z.discriminatedUnion('status', [
    z.object({ status: z.literal('ok'), response: z.strictObject({}) }),
    z.object({ status: z.literal('error'), response: z.object({ reason: z.string() }) }),
  ]),
  phx_close: z.strictObject({}),
  phx_error: z.strictObject({}),
  disconnect: z.object({ reason: z.literal('token_expired') }),
}

const frame = z.object({
  topic: z.string(),
  event: z.string(),
  payload: z.unknown(),
  ref: z.int().nonnegative().nullish(),
})

/** Frame that a released peer understood. */
export interface ReleasedFrame {
  event: string
  // oxlint-disable-next-line typescript/no-explicit-any -- a reader of this file has asserted what it is
  payload: any
  ref: number | null
}

/**
 * Reads a frame as a released peer of this role and dialect does.
 * @throws Error with the part that the peer would not take
 */
export const readAsReleased = (
  { role, dialect }: { role: 'client' | 'gateway'; dialect: Dialect },
  text: string,
): ReleasedFrame => {
  const { event, payload, ref } = frame.parse(JSON.parse(text))
  const reader = FRAMING[event] ?? READERS[dialect][role][event]
  if (reader === undefined) throw new Error(`a ${dialect} ${role} does not know the event ${event}`)
  const read = reader.safeParse(payload)
  if (!read.success) throw new Error(`a ${dialect} ${role} drops ${event}: ${z.prettifyError(read.error)}`)
  return { event, payload, ref: ref ?? null }
}
