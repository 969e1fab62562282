import type { Context } from 'koa'
import type { Pages } from '../http/pages.ts'

/**
 * Sends the browser to a URL. After a form it shows a page that leads there, because the content security policy for
 * forms also blocks redirects to other sites.
 */
export const sendBrowser = (pages: Pages, ctx: Context, url: string): void => {
  if (ctx.method === 'POST') pages.render(ctx, 'leaving', { refresh: url })
  else ctx.redirect(url)
}
