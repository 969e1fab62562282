import type { Context, Middleware } from 'koa'
import { uuid, type Random } from '../../../../core/runtime/random.ts'

/** Form of an id that is taken over from whoever sends the request: it is written to the log and sent back. */
const SAFE = /^[A-Za-z0-9_-]{1,64}$/

/**
 * Gives each request an id, which stands in the header `X-Request-Id` of its answer, in problems and in the log. The
 * sender's own id counts where it has a safe form, so that a proxy's log and the portal's tell of the same request.
 */
export const noteRequestId =
  (random: Random): Middleware =>
  async (ctx, next) => {
    const given = ctx.get('x-request-id')
    const id = SAFE.test(given) ? given : uuid(random)
    ctx.state['requestId'] = id
    ctx.set('X-Request-Id', id)
    await next()
  }

/** Returns the id of a request; undefined for calls from within the portal. */
export const requestIdOf = (ctx: Pick<Context, 'state'>): string | undefined => {
  const id = (ctx.state as { requestId?: unknown }).requestId
  return typeof id === 'string' ? id : undefined
}
