import type { Context } from 'koa'
import type { Pages } from '../http/pages.ts'

/**
 * Sends the browser elsewhere. Not by a redirect after a form: the policy that our forms are for ourselves only holds for where
 * they lead in the end, too.
 */
export const sendBrowser = (pages: Pages, ctx: Context, url: string): void => {
  if (ctx.method === 'POST') pages.render(ctx, 'leaving', { refresh: url })
  else ctx.redirect(url)
}
