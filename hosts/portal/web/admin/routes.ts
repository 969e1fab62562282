import { Router } from '@koa/router'
import type { Middleware } from 'koa'
import { may, roleOf, type Permission } from '../../identity/permissions.ts'
import { routesAndRefusals } from '../http/allowed-methods.ts'
import { EXACT_ROUTES } from '../http/exact-routes.ts'
import { formFields, readFormUpTo } from '../http/form-fields.ts'
import { notFound, Problem } from '../http/problem.ts'
import { isOwnForm } from '../sign-in/session.ts'
import type { AdminContext, AdminParts, PageParts, View, Visit } from './page/admin-parts.ts'
import { pagesOf } from './all-pages.ts'
import { ChangeHub } from './live/change-hub.ts'
import { answerStream } from './live/stream-route.ts'
import { renderView } from './page/render-view.ts'
import { visitOf } from './page/visit.ts'

/** Enough for a policy with a thousand networks. */
const MAX_FORM_BYTES = 128 * 1024

/** Returns the middleware with all pages for admins, and the forms on them. */
export const adminRoutes = (given: AdminParts): Middleware => {
  const { pages, forms, downloads } = pagesOf(given)
  const parts: PageParts = { ...given, pagePaths: new Set(pages.map(({ path }) => path)) }
  const router = new Router(EXACT_ROUTES)
  for (const page of pages) {
    router.get(
      at(page),
      visiting(parts, page, (visit) => page.view(visit)),
    )
  }
  for (const download of downloads) {
    const send = async (visit: Visit): Promise<undefined> => {
      await download.send(visit)
    }
    router.get(at(download), visiting(parts, download, send))
  }
  for (const form of forms) {
    const act = async (visit: Visit) => {
      refuseForeign(visit)
      return form.act(visit)
    }
    router.post(at(form), readFormUpTo(MAX_FORM_BYTES) as Middleware, visiting(parts, form, act))
  }
  const stream = answerStream({ app: given.app, pages, hub: new ChangeHub(given) })
  const answer = async (visit: Visit): Promise<undefined> => {
    await stream(visit)
  }
  // Each page of the stream asks for its own permission.
  router.get('/:account/admin/stream', visiting(parts, { needs: undefined }, answer))
  return routesAndRefusals(router)
}

const CONTROL = /\p{Cc}/u

const at = ({ path }: { path: string }): string => `/:account/admin${path}`

/**
 * Makes the middleware that finds the session, checks the permission, and shows what `show` returns. There is no page for
 * admins without it.
 */
const visiting =
  (
    parts: PageParts,
    { needs }: { needs: Permission | undefined },
    show: (visit: Visit) => Promise<View | undefined>,
  ): Middleware =>
  async (koa) => {
    const ctx = koa as AdminContext
    // PostgreSQL refuses such texts as values; no row is named by one.
    if (Object.values(ctx.params).some((text) => CONTROL.test(text))) throw notFound()
    const slug = ctx.params['account'] ?? ''
    const session = await parts.sessions.current(ctx, slug)
    if (session === undefined) {
      if ((await parts.store.accountBySlug(slug)) === undefined) throw notFound()
      // A form from an expired session must not be carried out after the next sign-in.
      const here = ctx.method === 'GET' ? ctx.url : `/${slug}/admin`
      ctx.redirect(`/${slug}?redirect_to=${encodeURIComponent(here)}`)
      return
    }
    const visit = visitOf(parts, ctx, session)
    if (needs !== undefined && !may(session.actor, needs)) throw refused(visit, needs)
    const view = await show(visit)
    if (view !== undefined) await renderView(visit, view)
  }

const refused = ({ session: { account, actor } }: Visit, needs: Permission): Problem =>
  roleOf(actor.type) === undefined
    ? new Problem(
        403,
        'forbidden',
        `Only admins of ${account.name} have this page. Yours are “My access” and “My sessions”.`,
      )
    : new Problem(
        403,
        'forbidden',
        `As ${actor.type} you do not have this page, which takes the permission ${needs}. Ask an owner of ${account.name}.`,
      )

const refuseForeign = ({ ctx, session }: Visit): void => {
  if (isOwnForm(session, formFields(ctx)['csrf'])) return
  throw new Problem(
    403,
    'forbidden',
    'This form is not from a page of your session. Go back, reload the page, and try again.',
  )
}
