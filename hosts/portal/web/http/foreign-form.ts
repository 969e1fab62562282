import type { Middleware } from 'koa'
import { Problem } from './problem.ts'

/**
 * Refuses what another site's page posts, by what the browser says of it (Fetch Metadata). A second wall behind the tokens in our
 * forms: old browsers say nothing, and then those have to do.
 */
export const refuseForeignForms = (): Middleware => async (ctx, next) => {
  const isSafe = ctx.method === 'GET' || ctx.method === 'HEAD'
  const site = ctx.get('sec-fetch-site')
  if (!isSafe && (site === 'cross-site' || site === 'same-site')) {
    throw new Problem(403, 'forbidden', 'This form is on a page of another site. Nothing was done.')
  }
  await next()
}
