import type { Middleware } from 'koa'
import type { SignInContext } from './sign-in-context.ts'
import type { SignInStepParts } from './run-sign-in-step.ts'

/** Everything that a sign-in needs of the portal. */
export interface SignInParts extends Omit<SignInStepParts, 'pendings'> {
  /** Rate limit of what begins or goes on with a sign-in: that costs the portal and others more than a page. */
  limitSteps: Middleware
}

/** Makes a middleware of a sign-in. */
export type SignInMiddleware = (
  parts: SignInStepParts,
) => (ctx: SignInContext, next: () => Promise<unknown>) => Promise<unknown>
