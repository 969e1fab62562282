// Rows as the API shows them, as far as the pages read them.

export interface ActorRow {
  id: string
  type: 'user' | 'helpdesk' | 'auditor' | 'admin' | 'owner' | 'service_account'
  name: string
  email: string | null
  is_disabled: boolean
  created_at: string
  updated_at: string
}

export interface NamedRow {
  id: string
  name: string
  created_at: string
  updated_at: string
}

export interface PolicyRow {
  id: string
  group_id: string
  resource_id: string
  description: string | null
  conditions: { condition: string; settings: Record<string, unknown> }[]
  is_disabled: boolean
  mode: 'enforced' | 'shadow'
  created_at: string
  updated_at: string
}

export interface PluginRow {
  name: string
  version: string
  description: string | null
  provides: { point: string; key: string; settings: Record<string, unknown> | null }[]
}

export interface Rows<Row> {
  data: Row[]
  next_cursor: string | null
}

export interface SiteRow extends NamedRow {
  selector: string
  selector_settings: Record<string, unknown>
}

export interface PathCounts {
  [kind: string]: number
}

export interface GatewayRow extends NamedRow {
  site_id: string
  ipv4: string
  ipv6: string
  is_connected: boolean
  is_ephemeral: boolean
  last_seen_at: string | null
  last_seen_version: string | null
  paths: PathCounts
  load: { processor_share: number | null; bytes_per_second: number | null; reported_at: string } | null
  problems: { code: string; said: string }[]
}

export interface ClientPathRow {
  gateway_id: string
  kind: string
  relay: string | null
  not_direct: { code: string; said: string } | null
  round_trip_ms: number | null
}

export interface ClientRow extends NamedRow {
  actor_id: string
  ipv4: string
  ipv6: string
  is_connected: boolean
  device_key: string | null
  is_proven: boolean
  is_verified: boolean
  verified_at: string | null
  last_seen_at: string | null
  last_seen_version: string | null
  paths: ClientPathRow[]
}

export interface ResourceRow extends NamedRow {
  type: 'dns' | 'cidr' | 'ip' | 'internet'
  address: string | null
  address_description: string | null
  site_id: string
  filters: { protocol: 'tcp' | 'udp' | 'icmp'; ports: string[] }[]
  ip_stack: 'dual' | 'ipv4_only' | 'ipv6_only'
}

export interface TokenRow extends NamedRow {
  kind: 'client' | 'gateway' | 'relay' | 'api'
  actor_id: string | null
  site_id: string | null
  gateway_id: string | null
  scopes: string[] | null
  expires_at: string | null
  last_used_at: string | null
}

export interface AuthorizationRow {
  id: string
  policy_id: string
  client_id: string
  gateway_id: string
  resource_id: string
  expires_at: string | null
  gateway_reason: string
  created_at: string
  updated_at: string
}

export interface ProviderRow extends NamedRow {
  type: string
  settings: Record<string, unknown>
  is_default: boolean
  is_disabled: boolean
  client_token_lifetime_seconds: number
  session_lifetime_seconds: number
  email_domains: string[]
  callback_url: string
}
