import type { UnixTime } from '../../../core/runtime/time.ts'
import type { Account, Actor, Client, Gateway, Site, Token } from '../store/entities.ts'
import type { View } from './view.ts'

/** Rows that a client needs to be served, all present and enabled. */
export interface ClientStanding {
  client: Client
  actor: Actor
  account: Account
  token: Token
}

export interface GatewayStanding {
  gateway: Gateway
  site: Site
  account: Account
  token: Token
}

/** Returns the rows of a client in good standing, or a stable code of what is wrong. */
export const clientStanding = (
  view: View,
  { clientId, tokenId }: { clientId: string; tokenId: string },
  at: UnixTime,
): ClientStanding | string => {
  const client = view.get('clients', clientId)
  if (client === undefined) return 'client_removed'
  const base = standing(view, { accountId: client.accountId, tokenId }, at)
  if (typeof base === 'string') return base
  const actor = enabledActor(view, client.actorId)
  if (typeof actor === 'string') return actor
  if (base.token.kind !== 'client' || base.token.actorId !== actor.id) return 'token_of_another'
  return { client, actor, ...base }
}

/** Returns the rows of a gateway in good standing, or a stable code of what is wrong. */
export const gatewayStanding = (
  view: View,
  { gatewayId, tokenId }: { gatewayId: string; tokenId: string },
  at: UnixTime,
): GatewayStanding | string => {
  const gateway = view.get('gateways', gatewayId)
  if (gateway === undefined) return 'gateway_removed'
  const base = standing(view, { accountId: gateway.accountId, tokenId }, at)
  if (typeof base === 'string') return base
  const site = view.get('sites', gateway.siteId)
  if (site === undefined) return 'site_removed'
  if (base.token.kind !== 'gateway' || base.token.siteId !== site.id) return 'token_of_another'
  if (base.token.gatewayId !== null && base.token.gatewayId !== gateway.id) return 'token_of_another'
  return { gateway, site, ...base }
}

/**
 * Returns the rows of a person in good standing, or a stable code of what is wrong; considers no device or token, but
 * the identity provider of the sign-in if given.
 */
export const personStanding = (
  view: Pick<View, 'get'>,
  { accountId, actorId, identityProviderId }: { accountId: string; actorId: string; identityProviderId?: string },
): { account: Account; actor: Actor } | string => {
  const account = enabledAccount(view, accountId)
  if (typeof account === 'string') return account
  const actor = enabledActor(view, actorId)
  if (typeof actor === 'string') return actor
  return providerFault(view, identityProviderId ?? null) ?? { account, actor }
}

const standing = (
  view: View,
  { accountId, tokenId }: { accountId: string; tokenId: string },
  at: UnixTime,
): { account: Account; token: Token } | string => {
  const account = enabledAccount(view, accountId)
  if (typeof account === 'string') return account
  const token = view.get('tokens', tokenId)
  if (token === undefined || token.accountId !== accountId) return 'token_revoked'
  if (token.expiresAt !== null && token.expiresAt <= at) return 'token_expired'
  return providerFault(view, token.identityProviderId) ?? { account, token }
}

const enabledAccount = (view: Pick<View, 'get'>, id: string): Account | string => {
  const account = view.get('accounts', id)
  if (account === undefined) return 'account_removed'
  return account.isDisabled ? 'account_disabled' : account
}

const enabledActor = (view: Pick<View, 'get'>, id: string): Actor | string => {
  const actor = view.get('actors', id)
  if (actor === undefined) return 'actor_removed'
  return actor.isDisabled ? 'actor_disabled' : actor
}

const providerFault = (view: Pick<View, 'get'>, id: string | null): string | undefined => {
  if (id === null) return undefined
  const provider = view.get('identity_providers', id)
  if (provider === undefined) return 'provider_removed'
  return provider.isDisabled ? 'provider_disabled' : undefined
}
