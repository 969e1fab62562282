import { z } from 'zod'
import { pathOf } from '../../../../core/config/parse-config.ts'
import { illFormedPath } from '../../text/plain-text.ts'
import { bodyText, malformed } from '../http/body-text.ts'
import { invalidBody, Problem, type FieldProblem } from '../http/problem.ts'
import type { ApiContext, ApiMiddleware } from './endpoint.ts'

/**
 * A part of a request that is validated by a schema: the middleware that reads it, and a function that returns it afterwards.
 */
export interface Read<T> {
  schema: z.ZodType<T>
  read: ApiMiddleware
  of: (ctx: ApiContext) => T
}

/** Maximum length of a body in bytes: enough for 2,000 ids of group members. */
const MAX_BODY_BYTES = 128 * 1024

/** Reads the JSON body; an absent body counts as `{}`. */
export const jsonBody = <T>(schema: z.ZodType<T>, maxBytes = MAX_BODY_BYTES): Read<T> => ({
  schema,
  read: async (ctx, next) => {
    const body = ctx.state.given === undefined ? await receivedBody(ctx, maxBytes) : ctx.state.given.body
    const path = illFormedPath(body)
    if (path !== undefined)
      throw invalidBody([{ path, message: 'is no Unicode text: it has half of a surrogate pair' }])
    const result = schema.safeParse(body)
    if (!result.success) throw invalidBody(fieldProblems(result.error))
    ctx.state.body = result.data
    await next()
  },
  of: (ctx) => ctx.state.body as T,
})

/** Query schema of operations without parameters: refuses every parameter, as it may be misspelt. */
export const NO_QUERY: z.ZodObject<Record<string, never>, z.core.$strict> = z.strictObject({})

/** Reads the query parameters. */
export const queryOf = <T>(schema: z.ZodType<T>): Read<T> => ({
  schema,
  read: async (ctx, next) => {
    const result = schema.safeParse({ ...ctx.query })
    if (!result.success) {
      throw new Problem(400, 'invalid_query', 'The query is not valid.', { errors: fieldProblems(result.error) })
    }
    ctx.state.query = result.data
    await next()
  },
  of: (ctx) => ctx.state.query as T,
})

const receivedBody = async (ctx: ApiContext, maxBytes: number): Promise<unknown> => {
  const length = ctx.request.length ?? 0
  const chunked = ctx.get('transfer-encoding') !== ''
  if ((length > 0 || chunked) && ctx.request.is('json') === false) {
    throw new Problem(415, 'unsupported_media_type', 'The body has to be JSON.')
  }
  return jsonOf(await bodyText(ctx, maxBytes))
}

const jsonOf = (text: string): unknown => {
  if (text === '') return {}
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw malformed('The body is not JSON.', error)
  }
}

const fieldProblems = (error: z.ZodError): FieldProblem[] =>
  error.issues.slice(0, 32).map(({ path, message }) => ({ path: pathOf(path), message }))
