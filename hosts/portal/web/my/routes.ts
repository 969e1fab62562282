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

/** The pages of whoever is signed in, about herself: what she may reach and why not, and where she is signed in. */
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

/** Makes a router to which nothing is added but by these two: every page is of a session, and every form is of a page of that session. */
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

/** Finds the session of this browser at the account of the path, or leads to the sign-in. */
const findSession: MyMiddleware =
  ({ sessions, store }) =>
  async (ctx, next) => {
    const slug = ctx.params['account'] ?? ''
    const session = await sessions.current(ctx, slug)
    if (session === undefined) {
      if ((await store.accountBySlug(slug)) === undefined) throw notFound()
      // A form of a session that is over must not be carried out after the next sign-in.
      const here = ctx.method === 'GET' ? ctx.path : `/${slug}/home`
      ctx.redirect(`/${slug}?redirect_to=${encodeURIComponent(here)}`)
      return
    }
    ctx.state.session = session
    ctx.state.account = session.account
    return next()
  }

/** Takes a form only from a page of this session. */
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
