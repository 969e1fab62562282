// Rows of the portal's database. `updatedAt` is the time of the last change that the audit trail has. Times are epoch milliseconds; ids are UUIDs in lower case. Every row except the
// account itself belongs to one account, and every read or write names that account.
import type { AddressRangeTexts } from '../../../core/net/address-ranges.ts'
import type { JsonValue } from '../../../core/contract/identity-provider.ts'
import type { FactRecord } from '../../../core/policy/known-facts.ts'
import type { PolicyMode } from '../../../core/policy/compiled-policy.ts'
import type { ConditionExplanation } from '../../../core/policy/evaluate-condition.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'

export interface Account {
  id: string
  slug: string
  name: string
  isDisabled: boolean
  /** Resolvers that clients ask, in this order; for names that none of them is for, each client asks its own. */
  upstreamResolvers: UpstreamResolverSetting[]
  searchDomain: string | null
  /** Ranges of addresses of the account's tunnels; null for the usual ones. */
  addressRanges: AddressRangeTexts | null
  createdAt: UnixTime
  updatedAt: UnixTime
}

/** Upstream resolver of an account. */
export interface UpstreamResolverSetting {
  /** Key of the resolver plugin. */
  type: string
  settings: Record<string, unknown>
  /** Domains that it is asked for, with all names below them; absent: all names. */
  match?: string[]
}

/** Role of a person: what she may do on the pages for admins and by the API. A service account has only the API. */
export type ActorType = 'user' | 'helpdesk' | 'auditor' | 'admin' | 'owner' | 'service_account'

export interface Actor {
  id: string
  accountId: string
  type: ActorType
  name: string
  email: string | null
  isDisabled: boolean
  createdAt: UnixTime
  updatedAt: UnixTime
}

export interface Group {
  id: string
  accountId: string
  name: string
  createdAt: UnixTime
  updatedAt: UnixTime
}

export interface Membership {
  id: string
  accountId: string
  groupId: string
  actorId: string
  createdAt: UnixTime
  updatedAt: UnixTime
}

export interface IdentityProviderRow {
  id: string
  accountId: string
  name: string
  /** The key of the identity provider plugin. */
  type: string
  settings: unknown
  /**
   * E-mail domains whose addresses let a person sign in for the first time through this provider; `*` allows every
   * domain. A person who has signed in before is recognized by subject instead.
   */
  emailDomains: string[]
  isDefault: boolean
  isDisabled: boolean
  /** Lifetime of client tokens from sign-ins through this provider: 1 h to 90 d, 7 d by default. */
  clientTokenLifetimeSeconds: number
  /** Lifetime of portal sessions from sign-ins through this provider: 5 min to 24 h, 8 h by default. */
  sessionLifetimeSeconds: number
  createdAt: UnixTime
  updatedAt: UnixTime
}

export interface IdentityRow {
  id: string
  accountId: string
  actorId: string
  identityProviderId: string
  issuer: string
  subject: string
  createdAt: UnixTime
  updatedAt: UnixTime
}

export type TokenKind = 'client' | 'gateway' | 'relay' | 'api'

/** Statements of an identity provider about a person and her sign-in there, each absent if it said nothing. */
export interface SignInStatements {
  authenticatedAt?: UnixTime
  methods?: readonly string[]
  groups?: readonly string[]
  claims?: Readonly<Record<string, JsonValue>>
}

export interface Token {
  id: string
  accountId: string
  kind: TokenKind
  name: string
  /** Actor that the token stands for; null for tokens of gateways and relays. */
  actorId: string | null
  /** Site whose gateways may use the token; null for the other kinds. */
  siteId: string | null
  /** The only gateway that may use the token; null if every gateway of the site may. */
  gatewayId: string | null
  /** Provider through which the token was obtained; null if an admin created it. */
  identityProviderId: string | null
  /** Statements of the provider about that sign-in; null if there was none, or it is older than such statements. */
  signIn: SignInStatements | null
  salt: string
  /** Lower-case hex of SHA3-256(nonce || fragment || salt). */
  hash: string
  /** Scopes of an API token, which narrow what it may do; null for the other kinds. */
  scopes: readonly string[] | null
  /**
   * Person who made the token; an API token may do no more than she may. Null if nobody is known: the portal itself made
   * it, or a version that did not note it.
   */
  makerId: string | null
  /** Whether an emergency code was the authority to make it. What it makes for people ends with it. */
  isEmergency: boolean
  expiresAt: UnixTime | null
  lastUsedAt: UnixTime | null
  createdAt: UnixTime
  updatedAt: UnixTime
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
  /** Public key of the device (Ed25519, base64): the first one that was proven for this row; null if none was. */
  deviceKey: string | null
  /** Whether the device proved its device key at the last connect. */
  isProven: boolean
  /** Time of the last proof of the device key. */
  provenAt: UnixTime | null
  /** Time at which an admin verified the device. It counts only while the device key is proven, see `isVerified`. */
  verifiedAt: UnixTime | null
  /**
   * Whether the admin verified a row without a device key: then whoever presents its external id counts as verified.
   */
  acceptsUnproven: boolean
  lastSeenAt: UnixTime | null
  lastSeenVersion: string | null
  createdAt: UnixTime
  updatedAt: UnixTime
}

export interface Site {
  id: string
  accountId: string
  name: string
  /** Key of the gateway selector plugin; `random` by default. */
  selector: string
  selectorSettings: unknown
  createdAt: UnixTime
  updatedAt: UnixTime
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
  /** Whether the row is removed soon after the gateway has gone: what it asked for at its last connect. */
  isEphemeral: boolean
  /** Time at which a portal process last noted that the gateway was connected, some time after it connected. */
  presentAt: UnixTime | null
  /** Time of the last connect. */
  lastSeenAt: UnixTime | null
  lastSeenVersion: string | null
  createdAt: UnixTime
  updatedAt: UnixTime
}

export type ResourceType = 'dns' | 'cidr' | 'ip' | 'internet'

export interface ResourceFilter {
  protocol: 'tcp' | 'udp' | 'icmp'
  /** Ports such as `443` or ranges such as `8000-8999`; empty for all. Always empty for icmp. */
  ports: string[]
}

export interface Resource {
  id: string
  accountId: string
  siteId: string
  name: string
  type: ResourceType
  /** DNS name, IP address or network; null only for the type internet. */
  address: string | null
  addressDescription: string | null
  filters: ResourceFilter[]
  /** Address families that a name resolves to; used only by the type dns. */
  ipStack: 'dual' | 'ipv4_only' | 'ipv6_only'
  createdAt: UnixTime
  updatedAt: UnixTime
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
  /** `enforced`, or `shadow`: evaluated and recorded, but grants nothing. */
  mode: PolicyMode
  createdAt: UnixTime
  updatedAt: UnixTime
}

/** A grant: lets a client use a resource through a gateway until a given time, with the reason. */
export interface Authorization {
  id: string
  accountId: string
  policyId: string
  clientId: string
  gatewayId: string
  resourceId: string
  tokenId: string
  membershipId: string
  /** Time at which the grant ends; null if only a change of what it depends on ends it. */
  expiresAt: UnixTime | null
  /** Reasons of the grant; null in rows from before these were recorded. */
  decision: AuthorizationDecision | null
  createdAt: UnixTime
  updatedAt: UnixTime
}

/** Reasons of an authorization: enough to explain it later, and to judge it again while its client is away. */
export interface AuthorizationDecision {
  /** Each condition of the granting policy, with the `name version` of the plugin that judged it. */
  conditions: ConditionExplanation[]
  /** Facts that the conditions of the granting policy read, and the client's address. */
  facts: FactRecord
  /** Reason for choosing this gateway; completes the sentence "chosen because it is". */
  gateway: string
  /**
   * Fingerprint of the settings that client and gateway were given for this grant; if it would differ today, the grant
   * is void.
   */
  terms: string
}

/** Row types of the tables that the portal keeps in memory, by the name of the REST collection. */
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

/** All rows of all accounts, by table, oldest first. */
export type Rows = { [Name in EntityName]: Entities[Name][] }

/**
 * A committed change of one row, as subscribers receive it. `before` is absent for a creation, `after` for a removal.
 */
export type Change = {
  [Name in EntityName]: { entity: Name; accountId: string; id: string; before?: Entities[Name]; after?: Entities[Name] }
}[EntityName]
