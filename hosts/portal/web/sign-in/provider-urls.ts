import type { Account, IdentityProviderRow } from '../../store/entities.ts'
import { intentQuery, type SignInIntent } from './intent.ts'

/** Path below which each provider has its own callback: what comes back there belongs to that provider (RFC 9700 §4.4). */
export const CALLBACK_PATH = '/auth/callback'

/** Path of the callback that all providers have in common, for those that name themselves in their answer (RFC 9207). */
export const SHARED_CALLBACK_PATH = '/auth/oidc/callback'

/** Address to register at an identity provider: it sends browsers back there. */
export const callbackUrl = (publicUrl: string, { id }: Pick<IdentityProviderRow, 'id'>): string =>
  `${publicUrl}${CALLBACK_PATH}/${id}`

/** Path at which a sign-in with a provider begins, and to which its forms lead. */
export const providerUrl = (account: Account, provider: IdentityProviderRow, intent?: SignInIntent): string =>
  `/${account.slug}/sign_in/${provider.type}/${provider.id}${intent === undefined ? '' : intentQuery(intent)}`
