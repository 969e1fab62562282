import { may, roleOf } from '../../identity/permissions.ts'
import type { Pages } from '../http/pages.ts'
import type { MyContext } from './my-parts.ts'

/** Renders a page for the signed-in person, with the elements that all of them share. */
export const showPage = (
  pages: Pages,
  ctx: MyContext,
  { page, ...data }: { page: string } & Readonly<Record<string, unknown>>,
): void => {
  const { account, actor, csrf } = ctx.state.session
  const base = `/${account.slug}`
  const nav = [
    { text: 'Home', url: `${base}/home` },
    { text: 'My access', url: `${base}/my/access` },
    { text: 'My sessions', url: `${base}/my/sessions` },
    ...(may(actor, 'actors:read') ? [{ text: 'Admin pages', url: `${base}/admin` }] : []),
  ].map((link) => ({ ...link, isHere: link.url === ctx.path }))
  if (data['hasTimes'] === true) allowOwnScript(ctx)
  pages.render(ctx, page, {
    account: account.name,
    actor: actor.name,
    hasRole: roleOf(actor.type) !== undefined,
    csrf,
    base,
    nav,
    ...data,
  })
}

/** Allows a page to load the portal's only script, which shows times in the viewer's time zone. */
const allowOwnScript = (ctx: MyContext): void =>
  ctx.set('Content-Security-Policy', `${ctx.response.get('Content-Security-Policy')};script-src 'self'`)
