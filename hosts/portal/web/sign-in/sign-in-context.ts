import type { Context } from 'koa'
import type { Account, IdentityProviderRow } from '../../store/entities.ts'
import type { SignInIntent } from './intent.ts'
import type { Pending } from './pending.ts'

/** State of a request, shared by the middlewares of a sign-in. */
export interface SignInState {
  account: Account
  intent: SignInIntent
  provider: IdentityProviderRow
  pending: Pending
  clientAddress: string
}

export type SignInContext = Context & { params: Record<string, string>; state: SignInState }
