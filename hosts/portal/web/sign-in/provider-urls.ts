import type { Account, IdentityProviderRow } from '../../store/entities.ts'
import { intentQuery, type SignInIntent } from './intent.ts'

/**
 * Path below which each provider has its own callback; an answer there counts only for that provider (RFC 9700 §4.4).
 */
export const CALLBACK_PATH = '/auth/callback'

/** Path of the callback shared by all providers that name themselves in their answer (RFC 9207). */
export const SHARED_CALLBACK_PATH = '/auth/oidc/callback'

/** Returns the callback URL to register at an identity provider, which sends browsers back to it. */
export const callbackUrl = (publicUrl: string, { id }: Pick<IdentityProviderRow, 'id'>): string =>
  `${publicUrl}${CALLBACK_PATH}/${id}`

/** Returns the path at which a sign-in with a provider begins, and to which its forms are sent. */
export const providerUrl = (account: Account, provider: IdentityProviderRow, intent?: SignInIntent): string =>
  `/${account.slug}/sign_in/${provider.type}/${provider.id}${intent === undefined ? '' : intentQuery(intent)}`

/** Returns the path at which a browser arrives after a sign-out, also when the provider sends it back. */
export const signedOutPath = ({ slug }: Pick<Account, 'slug'>): string => `/${slug}/sign_in/providers`
