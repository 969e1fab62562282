import type { z } from 'zod'
import { pathOf } from '../../../../core/config/parse-config.ts'
import { illFormedPath } from '../../text/plain-text.ts'
import { bodyText, malformed } from '../http/body-text.ts'
import { invalidBody, Problem, type FieldProblem } from '../http/problem.ts'
import type { ApiContext, Step } from './endpoint.ts'

/** A validated part of a request: the step that validates it, and what it holds from then on. */
export interface Read<T> {
  schema: z.ZodType<T>
  read: Step
  of: (ctx: ApiContext) => T
}

/** The largest body: 2,000 ids of a change of a group's members. */
const MAX_BODY_BYTES = 128 * 1024

/** The JSON body; none at all counts as `{}`. */
export const jsonBody = <T>(schema: z.ZodType<T>): Read<T> => ({
  schema,
  read: async (ctx, next) => {
    const length = ctx.request.length ?? 0
    const chunked = ctx.get('transfer-encoding') !== ''
    if ((length > 0 || chunked) && ctx.request.is('json') === false) {
      throw new Problem(415, 'unsupported_media_type', 'The body has to be JSON.')
    }
    const body = jsonOf(await bodyText(ctx, MAX_BODY_BYTES))
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
