import type { Context } from 'koa'
import type { HeardDecisions } from '../../explain/heard-decisions.ts'
import type { Account } from '../../store/entities.ts'
import type { FinishParts } from '../sign-in/finish.ts'
import type { SignOutParts } from '../sign-in/sign-out.ts'
import type { PortalSession } from '../sign-in/session.ts'

export interface MyParts extends FinishParts, SignOutParts {
  decisions: HeardDecisions
  /** URL at which browsers reach the portal, without a slash at the end. */
  publicUrl: string
}

/** State of a request, shared by the middlewares of a signed-in person's pages. */
export interface MyState {
  account: Account
  session: PortalSession
  clientAddress: string
}

export type MyContext = Context & { params: Record<string, string>; state: MyState }

/** Makes a middleware of a signed-in person's pages from the portal's parts. */
export type MyMiddleware = (parts: MyParts) => (ctx: MyContext, next: () => Promise<unknown>) => Promise<unknown>
