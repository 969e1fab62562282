import type { Middleware } from 'koa'
import { Problem } from './problem.ts'

/**
 * Refuses forms posted from another site's page, according to the browser's Sec-Fetch-Site header. A second defence
 * beside the tokens in our forms: old browsers do not send the header.
 */
export const refuseForeignForms = (): Middleware => async (ctx, next) => {
  const isSafe = ctx.method === 'GET' || ctx.method === 'HEAD'
  const site = ctx.get('sec-fetch-site')
  if (!isSafe && (site === 'cross-site' || site === 'same-site')) {
    throw new Problem(403, 'forbidden', 'This form is on a page of another site. Nothing was done.')
  }
  await next()
}
