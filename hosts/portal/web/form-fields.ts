import type { Context } from 'koa'

/** The text fields of a submitted form; what came twice, or as anything else than text, is not there. */
export const formFields = (ctx: Context): Record<string, string> => {
  const body = (ctx.request.body ?? {}) as Record<string, unknown>
  return Object.fromEntries(Object.entries(body).filter(([, value]) => typeof value === 'string')) as Record<
    string,
    string
  >
}
