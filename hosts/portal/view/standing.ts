import type { UnixTime } from '../../../core/runtime/time.ts'
import type { Account, Actor, Client, Gateway, Site, Token } from '../entities.ts'
import type { View } from './view.ts'

/** A client with everything that has to be in order for it to be one. */
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

/** The client's standing, or what is wrong with it: a stable code. */
export const clientStanding = (
  view: View,
  { clientId, tokenId }: { clientId: string; tokenId: string },
  at: UnixTime,
): ClientStanding | string => {
  const client = view.get('clients', clientId)
  if (client === undefined) return 'client_removed'
  const base = standing(view, { accountId: client.accountId, tokenId }, at)
  if (typeof base === 'string') return base
  const actor = view.get('actors', client.actorId)
  if (actor === undefined) return 'actor_removed'
  if (actor.isDisabled) return 'actor_disabled'
  if (base.token.kind !== 'client' || base.token.actorId !== actor.id) return 'token_of_another'
  return { client, actor, ...base }
}

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
  return { gateway, site, ...base }
}

const standing = (
  view: View,
  { accountId, tokenId }: { accountId: string; tokenId: string },
  at: UnixTime,
): { account: Account; token: Token } | string => {
  const account = view.get('accounts', accountId)
  if (account === undefined) return 'account_removed'
  if (account.isDisabled) return 'account_disabled'
  const token = view.get('tokens', tokenId)
  if (token === undefined || token.accountId !== accountId) return 'token_revoked'
  if (token.expiresAt !== null && token.expiresAt <= at) return 'token_expired'
  if (token.identityProviderId !== null) {
    const provider = view.get('identity_providers', token.identityProviderId)
    if (provider === undefined) return 'provider_removed'
    if (provider.isDisabled) return 'provider_disabled'
  }
  return { account, token }
}
