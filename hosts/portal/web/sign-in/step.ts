import type { Context } from 'koa'
import type { Account, IdentityProviderRow } from '../../store/entities.ts'
import { intentQuery, type SignInIntent } from './intent.ts'
import type { Pending } from './pending.ts'

/** What the sign-in's steps know. */
export interface SignInState {
  account: Account
  intent: SignInIntent
  provider: IdentityProviderRow
  pending: Pending
  clientAddress: string
}

/** One step of a sign-in's story. */
export type Step = (ctx: SignInContext, next: () => Promise<unknown>) => Promise<unknown>

export type SignInContext = Context & { params: Record<string, string>; state: SignInState }

/** Where a sign-in with a provider begins, and where its forms lead. */
export const providerUrl = (account: Account, provider: IdentityProviderRow, intent?: SignInIntent): string =>
  `/${account.slug}/sign_in/${provider.type}/${provider.id}${intent === undefined ? '' : intentQuery(intent)}`
