import { Router } from '@koa/router'
import type { Middleware } from 'koa'
import { routesAndRefusals } from '../http/allowed-methods.ts'
import { EXACT_ROUTES } from '../http/exact-routes.ts'
import { formFields, readForm } from '../http/form-fields.ts'
import { notFound, Problem } from '../http/problem.ts'
import { isOwnForm } from '../sign-in/session.ts'
import { endSession, mintApiToken, revokeToken, signOut } from './forms.ts'
import type { MyMiddleware, MyParts } from './my-parts.ts'
import { showAccess, showHome, showSessions } from './pages.ts'

/**
 * Returns the middleware with all pages and forms about the signed-in person: access and its denials, sessions and
 * tokens.
 */
export const myRoutes = (parts: MyParts): Middleware => {
  const { router, page, ownFormAt } = routesOf(parts)
  page('/:account/home', showHome)
  page('/:account/my/access', showAccess)
  page('/:account/my/sessions', showSessions)
  ownFormAt('/:account/my/sessions/:id/end', endSession)
  ownFormAt('/:account/my/tokens/:id/revoke', revokeToken)
  ownFormAt('/:account/my/api_tokens', mintApiToken)
  ownFormAt('/:account/sign_out', signOut)
  return routesAndRefusals(router)
}

/**
 * Makes a router with the only two functions that add routes to it, so that each page requires a session and each form
 * must come from a page of that session.
 */
const routesOf = (parts: MyParts) => {
  const router = new Router(EXACT_ROUTES)
  const made = (...story: MyMiddleware[]) => story.map((make) => make(parts) as Middleware)
  return {
    router,
    page: (path: string, show: MyMiddleware) => router.get(path, ...made(findSession, show)),
    ownFormAt: (path: string, act: MyMiddleware) =>
      router.post(path, readForm as Middleware, ...made(findSession, ownForm, act)),
  }
}

/** Finds the browser's session at the account in the path; without one, redirects to the sign-in. */
const findSession: MyMiddleware =
  ({ sessions, store }) =>
  async (ctx, next) => {
    const slug = ctx.params['account'] ?? ''
    const session = await sessions.current(ctx, slug)
    if (session === undefined) {
      if ((await store.accountBySlug(slug)) === undefined) throw notFound()
      // A form from an expired session must not be carried out after the next sign-in.
      const here = ctx.method === 'GET' ? ctx.path : `/${slug}/home`
      ctx.redirect(`/${slug}?redirect_to=${encodeURIComponent(here)}`)
      return
    }
    ctx.state.session = session
    ctx.state.account = session.account
    return next()
  }

/** Accepts a form only from a page of this session. */
const ownForm: MyMiddleware = () => async (ctx, next) => {
  if (!isOwnForm(ctx.state.session, formFields(ctx)['csrf'])) {
    throw new Problem(
      403,
      'forbidden',
      'This form is not from a page of your session. Go back, reload the page, and try again.',
    )
  }
  return next()
}
