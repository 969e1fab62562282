import { Router } from '@koa/router'
import type { Middleware } from 'koa'
import { routesAndRefusals } from '../http/allowed-methods.ts'
import { EXACT_ROUTES } from '../http/exact-routes.ts'
import { readForm } from '../http/form-fields.ts'
import {
  approve,
  atItsCallback,
  onlyOnce,
  openClient,
  proceedWithSignIn,
  recallByForm,
  recallByState,
  sameProvider,
} from './after-provider.ts'
import {
  askForAccount,
  beginSignIn,
  findAccount,
  findProvider,
  goHomeIfSignedIn,
  goToDefaultProvider,
  goToSignIn,
  readIntent,
  showProviders,
} from './before-provider.ts'
import { askForEmergencyCode, redeemEmergencyCode } from './emergency.ts'
import { PendingSignIns } from './pending.ts'
import { CALLBACK_PATH, SHARED_CALLBACK_PATH } from './provider-urls.ts'
import type { SignInMiddleware, SignInParts } from './sign-in-parts.ts'

/** Returns the middleware with all routes of the sign-in (wire §1). */
export const signInRoutes = (parts: SignInParts): Middleware => {
  const { router, page, step, formStep } = routesOf(parts)
  page('/', askForAccount)
  step(`${CALLBACK_PATH}/:id`, recallByState, atItsCallback, onlyOnce, proceedWithSignIn)
  step(SHARED_CALLBACK_PATH, recallByState, atItsCallback, onlyOnce, proceedWithSignIn)
  page('/:account', findAccount, readIntent, goHomeIfSignedIn, goToSignIn)
  page('/:account/sign_in', findAccount, readIntent, goToDefaultProvider, showProviders)
  page('/:account/sign_in/providers', findAccount, readIntent, showProviders)
  page('/:account/sign_in/client_redirect', openClient)
  page('/:account/sign_in/emergency', findAccount, readIntent, askForEmergencyCode)
  formStep('/:account/sign_in/approve', findAccount, approve)
  formStep('/:account/sign_in/emergency', findAccount, redeemEmergencyCode)
  step('/:account/sign_in/:kind/:id', findAccount, findProvider, readIntent, beginSignIn)
  formStep('/:account/sign_in/:kind/:id', recallByForm, sameProvider, proceedWithSignIn)
  return routesAndRefusals(router)
}

/**
 * Makes a router with the only three functions that add routes to it, so that each sign-in step and form is
 * rate-limited.
 */
const routesOf = (parts: SignInParts) => {
  const router = new Router(EXACT_ROUTES)
  const all = { ...parts, pendings: new PendingSignIns(parts.cookies, parts.random) }
  const made = (story: readonly SignInMiddleware[]) => story.map((make) => make(all) as Middleware)
  return {
    router,
    page: (path: string, ...story: SignInMiddleware[]) => router.get(path, ...made(story)),
    step: (path: string, ...story: SignInMiddleware[]) => router.get(path, parts.limitSteps, ...made(story)),
    formStep: (path: string, ...story: SignInMiddleware[]) =>
      router.post(path, parts.limitSteps, readForm as Middleware, ...made(story)),
  }
}
