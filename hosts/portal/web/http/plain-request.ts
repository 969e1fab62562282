import type { Context, Middleware } from 'koa'
import { Problem } from './problem.ts'

/**
 * Refuses requests that the portal cannot read, before anything else does: compressed bodies (415) and request targets
 * that are not URLs (400). Bodies here are small, so compression saves little, and a decompressing stream may fail
 * after its reader has gone.
 */
export const refuseUnreadable = (): Middleware => async (ctx, next) => {
  if (!isPlain(ctx.req.headers['content-encoding'])) {
    throw new Problem(415, 'unsupported_media_type', 'Send the body as it is, without Content-Encoding.', {
      // RFC 9110 §15.5.16
      headers: { 'Accept-Encoding': 'identity' },
    })
  }
  delete ctx.req.headers['content-encoding'] // so that no body parser has to interpret it
  if (!hasReadableTarget(ctx)) {
    ctx.req.url = '/' // showing the problem reads the path
    throw new Problem(400, 'malformed_request', 'The address of the request cannot be read.')
  }
  await next()
}

/** Whether Content-Encoding says that the body is unencoded; a list of codings never does. */
const isPlain = (encoding: string | undefined): boolean =>
  encoding === undefined || ['', 'identity'].includes(encoding.trim().toLowerCase())

/** Whether Koa can parse the request target; it throws for some, such as `GET http://[ HTTP/1.1`. */
const hasReadableTarget = (ctx: Context): boolean => {
  try {
    return typeof ctx.path === 'string' && typeof ctx.querystring === 'string'
  } catch {
    return false
  }
}
