// What a portal knows, as rows. Times are epoch milliseconds; ids are UUIDs in lower case; every row but the account
// itself belongs to one account, and nothing is read or written without naming it.
import type { KnownFacts } from '../../../core/policy/known-facts.ts'
import type { PolicyMode } from '../../../core/policy/compiled-policy.ts'
import type { ConditionExplanation } from '../../../core/policy/evaluate-condition.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'

export interface Account {
  id: string
  slug: string
  name: string
  isDisabled: boolean
  /** Empty: the system's own. In the order in which they are asked. */
  upstreamResolvers: UpstreamResolverSetting[]
  searchDomain: string | null
  createdAt: UnixTime
}

export type UpstreamResolverSetting =
  | { type: 'udp'; address: string }
  | { type: 'https'; url: string }
  | { type: 'tls'; address: string; serverName: string }

export type ActorType = 'user' | 'admin' | 'service_account'

export interface Actor {
  id: string
  accountId: string
  type: ActorType
  name: string
  email: string | null
  isDisabled: boolean
  createdAt: UnixTime
}

export interface Group {
  id: string
  accountId: string
  name: string
  createdAt: UnixTime
}

export interface Membership {
  id: string
  accountId: string
  groupId: string
  actorId: string
  createdAt: UnixTime
}

export interface IdentityProviderRow {
  id: string
  accountId: string
  name: string
  /** The key of the identity provider plugin. */
  type: string
  settings: unknown
  /**
   * Domains whose addresses make a person of the account out of somebody new; `*` stands for every one. Whom the provider led to before is
   * known by her subject.
   */
  emailDomains: string[]
  isDefault: boolean
  isDisabled: boolean
  /** Lifetime of the client tokens that it leads to: 1 h to 90 d, 7 d by default. */
  clientTokenLifetimeSeconds: number
  /** Lifetime of the portal sessions that it leads to: 5 min to 24 h, 8 h by default. */
  sessionLifetimeSeconds: number
  createdAt: UnixTime
}

export interface IdentityRow {
  id: string
  accountId: string
  actorId: string
  identityProviderId: string
  issuer: string
  subject: string
  createdAt: UnixTime
}

export type TokenKind = 'client' | 'gateway' | 'api'

export interface Token {
  id: string
  accountId: string
  kind: TokenKind
  name: string
  /** Whose it is: always for client and api. */
  actorId: string | null
  /** For gateway tokens. */
  siteId: string | null
  /** For a token that one gateway of the site alone may use. */
  gatewayId: string | null
  /** By which provider it was obtained; null where an admin created it. */
  identityProviderId: string | null
  salt: string
  /** Lower-case hex SHA3-256(nonce || fragment || salt). */
  hash: string
  expiresAt: UnixTime | null
  lastUsedAt: UnixTime | null
  createdAt: UnixTime
}

export interface Client {
  id: string
  accountId: string
  actorId: string
  externalId: string
  name: string
  publicKey: string
  /** 32 bytes, base64. Secret. */
  pskBase: string
  ipv4: string
  ipv6: string
  /** The device's own public key (Ed25519, base64): the first that was proven under this row; null where none was. */
  deviceKey: string | null
  /** Whether the last connect proved the device key. */
  isProven: boolean
  /** When the device key was proven last. */
  provenAt: UnixTime | null
  /** When an admin vouched for the device. It counts where the device key is proven, see `isVerified`. */
  verifiedAt: UnixTime | null
  /** Whether she did so for a row without a device key: for whoever comes with its external id. */
  acceptsUnproven: boolean
  lastSeenAt: UnixTime | null
  lastSeenVersion: string | null
  createdAt: UnixTime
}

export interface Site {
  id: string
  accountId: string
  name: string
  /** The key of the gateway selector plugin, `random` by default, and its settings. */
  selector: string
  selectorSettings: unknown
  createdAt: UnixTime
}

export interface Gateway {
  id: string
  accountId: string
  siteId: string
  externalId: string
  name: string
  publicKey: string
  /** 32 bytes, base64. Secret. */
  pskBase: string
  ipv4: string
  ipv6: string
  lastSeenAt: UnixTime | null
  lastSeenVersion: string | null
  createdAt: UnixTime
}

export type ResourceType = 'dns' | 'cidr' | 'ip' | 'internet'

export interface ResourceFilter {
  protocol: 'tcp' | 'udp' | 'icmp'
  /** `443` or `8000-8999`; empty: all. Always empty for icmp. */
  ports: string[]
}

export interface Resource {
  id: string
  accountId: string
  siteId: string
  name: string
  type: ResourceType
  /** Null for internet only. */
  address: string | null
  addressDescription: string | null
  filters: ResourceFilter[]
  /** For dns. */
  ipStack: 'dual' | 'ipv4_only' | 'ipv6_only'
  createdAt: UnixTime
}

export interface ConditionSetting {
  /** The key of the policy condition plugin. */
  condition: string
  settings: unknown
}

export interface Policy {
  id: string
  accountId: string
  groupId: string
  resourceId: string
  description: string | null
  conditions: ConditionSetting[]
  isDisabled: boolean
  /** `shadow`: evaluated and written down, and it grants nothing. */
  mode: PolicyMode
  createdAt: UnixTime
}

/** A grant: that a client may use a resource through a gateway, why, and until when. */
export interface Authorization {
  id: string
  accountId: string
  policyId: string
  clientId: string
  gatewayId: string
  resourceId: string
  tokenId: string
  membershipId: string
  /** Null: until something changes. */
  expiresAt: UnixTime | null
  /** What it rests on. Null for those of before it was kept. */
  decision: AuthorizationDecision | null
  createdAt: UnixTime
}

/** Why an authorization was given: enough to say it later, and to judge it again while its client is away. */
export interface AuthorizationDecision {
  /** Each condition of the policy that grants, with the plugin, `name version`, that judged. */
  conditions: ConditionExplanation[]
  /** All that was known of the request. */
  facts: KnownFacts
  /** Why this gateway; completes "chosen because it is". */
  gateway: string
  /** What both ends were set up with: where it is another thing, the authorization is none any more. */
  terms: string
}

/** Every table that the portal keeps in memory, by the name of its REST collection. */
export interface Entities {
  accounts: Account
  actors: Actor
  groups: Group
  memberships: Membership
  identity_providers: IdentityProviderRow
  identities: IdentityRow
  tokens: Token
  clients: Client
  sites: Site
  gateways: Gateway
  resources: Resource
  policies: Policy
  authorizations: Authorization
}

export type EntityName = keyof Entities

/** Every row of every account, each table oldest first. */
export type Rows = { [Name in EntityName]: Entities[Name][] }

/** A committed change of one row, as it travels on the bus. `before` is absent for a creation, `after` for a deletion. */
export type Change = {
  [Name in EntityName]: { entity: Name; accountId: string; id: string; before?: Entities[Name]; after?: Entities[Name] }
}[EntityName]
