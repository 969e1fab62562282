import type { Middleware } from 'koa'
import type { SignInContext } from './sign-in-context.ts'
import type { SignInStepParts } from './run-sign-in-step.ts'

/** Parts of the portal that the sign-in uses. */
export interface SignInParts extends Omit<SignInStepParts, 'pendings'> {
  /** Rate limit of sign-in steps, which cost the portal and others more than a page. */
  limitSteps: Middleware
}

/** Makes a middleware of the sign-in from the portal's parts. */
export type SignInMiddleware = (
  parts: SignInStepParts,
) => (ctx: SignInContext, next: () => Promise<unknown>) => Promise<unknown>
