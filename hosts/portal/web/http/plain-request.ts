import type { Context, Middleware } from 'koa'
import { Problem } from './problem.ts'

/**
 * Refuses a request that the portal cannot read as it came, before anything reads it: a compressed body (415), and a target that is
 * no address (400). Bodies here are small, so compression would save nobody anything, and an inflater is a stream that fails by
 * itself, long after whoever waited for its end has gone.
 */
export const refuseUnreadable = (): Middleware => async (ctx, next) => {
  if (!isPlain(ctx.req.headers['content-encoding'])) {
    throw new Problem(415, 'unsupported_media_type', 'Send the body as it is, without Content-Encoding.', {
      // RFC 9110 §15.5.16
      headers: { 'Accept-Encoding': 'identity' },
    })
  }
  delete ctx.req.headers['content-encoding'] // so that no parser has a spelling of it to understand
  if (!hasReadableTarget(ctx)) {
    ctx.req.url = '/' // whatever shows the problem reads the path
    throw new Problem(400, 'malformed_request', 'The address of the request cannot be read.')
  }
  await next()
}

/** Whether a Content-Encoding says that nothing was done to the body; a list of codings never does. */
const isPlain = (encoding: string | undefined): boolean =>
  encoding === undefined || ['', 'identity'].includes(encoding.trim().toLowerCase())

/** Koa's parser throws for some targets: `GET http://[ HTTP/1.1`. */
const hasReadableTarget = (ctx: Context): boolean => {
  try {
    return typeof ctx.path === 'string' && typeof ctx.querystring === 'string'
  } catch {
    return false
  }
}
