import { FEATURES, type Body, type Subject } from '../../../core/control/messages.ts'
import { iceCredentials, presharedKey } from '../../../core/crypto/pair-secrets.ts'
import { signedJwt } from '../../../core/crypto/signed-jwt.ts'
import { keyFromBase64 } from '../../../core/crypto/text-encoding.ts'
import { DAY, type UnixTime } from '../../../core/runtime/time.ts'
import type { Actor, ActorType, Authorization, Client, Gateway, Resource, Token } from '../store/entities.ts'
import { systemOf } from '../decide/user-agent.ts'
import { gatewayResource } from './wire-resource.ts'

/** Rows and connection facts that the messages about one authorization are built from. */
export interface GrantParts {
  row: Authorization
  client: Client
  actor: Actor
  token: Token
  gateway: Gateway
  resource: Resource
  /** IP address of the client's connection, like `userAgent`; empty if the client is not connected. */
  remoteIp: string
  userAgent: string
}

/** Lifetime written into ingest tokens of authorizations that never expire: the token needs a date. */
const FAR_AHEAD_MS = 365 * DAY
const INGEST_GRACE_MS = 30 * DAY

/** Builds the message that gives a gateway an authorization. */
export const createAuthorization = (
  parts: GrantParts,
  { ref, ingestKey, features }: { ref: string; ingestKey: Uint8Array; features: ReadonlySet<string> | undefined },
): Body<'gateway', 'fromPortal', 'createAuthorization'> => {
  const { row, client, resource } = parts
  const credentials = iceCredentials(parts)
  const system = systemOf(parts.userAgent)
  return {
    ref,
    resource: gatewayResource(resource),
    client: {
      id: client.id,
      public_key: client.publicKey,
      preshared_key: pairKey(parts),
      ipv4: client.ipv4,
      ipv6: client.ipv6,
      version: client.lastSeenVersion,
      device_serial: null,
      device_os_name: system.name,
      device_os_version: system.version,
      device_uuid: null,
      identifier_for_vendor: null,
      firebase_installation_id: null,
    },
    subject: subject(parts),
    client_ice_credentials: credentials.client,
    gateway_ice_credentials: credentials.gateway,
    expires_at: unixSeconds(row.expiresAt),
    use_iceless: false,
    ...(features?.has(FEATURES.siteFindings) === true ? { site_findings: true } : {}),
    flow_logs_ingest_token: ingestToken(parts, { role: 'responder', ingestKey }),
  }
}

/** Builds the message that tells a client of its authorization. */
export const authorizationCreated = (
  parts: GrantParts,
  {
    ingestKey,
    features,
    gatewayFeatures,
  }: { ingestKey: Uint8Array; features: ReadonlySet<string>; gatewayFeatures: ReadonlySet<string> | undefined },
): Body<'client', 'fromPortal', 'authorizationCreated'> => {
  const { gateway, resource } = parts
  const credentials = iceCredentials(parts)
  return {
    resource_id: resource.id,
    gateway_id: gateway.id,
    ...(features.has(FEATURES.names) ? { gateway_name: gateway.name } : {}),
    ...(features.has(FEATURES.siteRecords)
      ? { site_records: gatewayFeatures?.has(FEATURES.siteRecords) === true }
      : {}),
    gateway_public_key: gateway.publicKey,
    gateway_ipv4: gateway.ipv4,
    gateway_ipv6: gateway.ipv6,
    site_id: gateway.siteId,
    preshared_key: pairKey(parts),
    client_ice_credentials: credentials.client,
    gateway_ice_credentials: credentials.gateway,
    use_iceless: false,
    flow_logs_ingest_token: ingestToken(parts, { role: 'initiator', ingestKey }),
  }
}

/** Converts to Unix seconds, rounded down so that access never lasts longer; null stands for never. */
export const unixSeconds = (time: UnixTime | null): number | null => (time === null ? null : Math.floor(time / 1000))

const pairKey = ({ client, gateway }: GrantParts): string =>
  presharedKey({
    client: { ...client, pskBase: secretBytes(client.pskBase) },
    gateway: { ...gateway, pskBase: secretBytes(gateway.pskBase) },
  })

const secretBytes = (text: string): Uint8Array => {
  const bytes = keyFromBase64(text)
  if (bytes === undefined) throw new Error('a stored psk_base is not 32 bytes')
  return bytes
}

const ACTOR_TYPES: Record<ActorType, string> = {
  user: 'account_user',
  helpdesk: 'account_user',
  auditor: 'account_user',
  admin: 'account_admin_user',
  owner: 'account_admin_user',
  service_account: 'service_account',
}

const subject = ({ actor, token, remoteIp, userAgent }: GrantParts): Subject => ({
  actor_id: actor.id,
  actor_name: actor.name,
  actor_email: actor.email,
  actor_type: ACTOR_TYPES[actor.type],
  auth_provider_id: token.identityProviderId,
  ip: remoteIp === '' ? null : remoteIp,
  ip_region: null,
  ip_city: null,
  ip_lat: null,
  ip_lon: null,
  user_agent: userAgent,
})

const ingestToken = (
  { row, client, gateway, resource, actor, token }: GrantParts,
  { role, ingestKey }: { role: 'initiator' | 'responder'; ingestKey: Uint8Array },
): string => {
  const end = row.expiresAt ?? row.createdAt + FAR_AHEAD_MS
  return signedJwt({
    claims: {
      account_id: row.accountId,
      iat: Math.floor(row.createdAt / 1000),
      exp: Math.floor((end + INGEST_GRACE_MS) / 1000),
      uploads_enabled: false,
      role,
      initiator_device_id: client.id,
      responder_device_id: gateway.id,
      policy_authorization_id: row.id,
      policy_id: row.policyId,
      resource_id: resource.id,
      resource_name: resource.name,
      ...(resource.address === null ? {} : { resource_address: resource.address }),
      initiator_actor_id: actor.id,
      initiator_actor_name: actor.name,
      ...(actor.email === null ? {} : { initiator_actor_email: actor.email }),
      ...(token.identityProviderId === null ? {} : { initiator_auth_provider_id: token.identityProviderId }),
      authorized_at: dateText(row.createdAt),
      authorization_expires_at: dateText(end),
    },
    key: ingestKey,
  })
}

/** Formats a time as ISO 8601 with microseconds, as in the claims. */
const dateText = (milliseconds: number): string => new Date(milliseconds).toISOString().replace('Z', '000Z')
