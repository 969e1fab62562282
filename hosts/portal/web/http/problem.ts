import type { Middleware } from 'koa'
import { STATUS_CODES } from 'node:http'
import type { Logger } from '../../../../core/runtime/logger.ts'
import { requestIdOf } from './request-id.ts'
import { columnName } from '../../store/row-codec.ts'
import { StoreError } from '../../store/store-error.ts'

/** Problem of one field of a request. */
export interface FieldProblem {
  /** Path of the field, such as `filters[0].ports`; `(top)` for the whole body. */
  path: string
  message: string
}

export interface ProblemOptions {
  errors?: readonly FieldProblem[]
  headers?: Readonly<Record<string, string>>
  /** Id of the row that the request conflicts with. */
  conflictingId?: string | undefined
  /** Rows that a refused removal would take along, and its effect on access. */
  removal?: unknown
  /** Cause for the operator's log; never sent. */
  cause?: unknown
}

/** A refused request (RFC 9457). `code` is stable; `detail` is public, for people. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly errors: readonly FieldProblem[] | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly conflictingId: string | undefined
  readonly removal: unknown

  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    { errors, headers = {}, cause, conflictingId, removal }: ProblemOptions = {},
  ) {
    super(detail, { cause })
    this.errors = errors
    this.headers = headers
    this.conflictingId = conflictingId
    this.removal = removal
  }
}

export const notFound = (): Problem => new Problem(404, 'not_found', 'There is nothing here.')

/** Problem of a path of the API that does not exist. */
const noSuchPath = (): Problem =>
  new Problem(404, 'not_found', 'There is nothing here. The description of the API is at /api/docs.')

/** Problem of a body with invalid fields. */
export const invalidBody = (errors: readonly FieldProblem[]): Problem =>
  new Problem(422, 'invalid_body', 'The body is not valid.', { errors })

/** Converts any error to a problem; an unexpected error becomes status 500 without details. */
export const problemOf = (error: unknown): Problem => {
  if (error instanceof Problem) return error
  if (error instanceof StoreError) return storeProblem(error)
  const { status, type } = error as { status?: unknown; type?: unknown }
  if (type === 'entity.too.large') return new Problem(413, 'body_too_large', 'The body is too large.', { cause: error })
  if (status === 400) return new Problem(400, 'malformed_body', 'The body cannot be read.', { cause: error })
  if (status === 415)
    return new Problem(415, 'unsupported_media_type', 'The body is of another type.', { cause: error })
  return new Problem(500, 'internal', 'Something went wrong in the portal.', { cause: error })
}

/** Shows a problem: as JSON to programs, as a page to people. */
export type ShowProblem = (ctx: Parameters<Middleware>[0], problem: Problem) => void

/** Middleware that answers all errors; there is no other error handler. */
export const handleErrors =
  ({ logger, show }: { logger: Logger; show: ShowProblem }): Middleware =>
  async (ctx, next) => {
    try {
      await next()
      if (ctx.status === 404 && ctx.body === undefined) throw ctx.path.startsWith('/api/') ? noSuchPath() : notFound()
    } catch (error) {
      const problem = problemOf(error)
      if (problem.status >= 500) {
        const fields = { error: problem.cause ?? problem, path: ctx.path, requestId: requestIdOf(ctx) }
        logger.warn(fields, 'request failed')
      }
      ctx.status = problem.status
      ctx.set(problem.headers)
      show(ctx, problem)
    }
  }

/** Shows a problem as JSON (RFC 9457 §3). */
export const showAsJson: ShowProblem = (ctx, { status, code, detail, errors, conflictingId, removal }) => {
  const title = TITLES[status] ?? STATUS_CODES[status] ?? 'Error'
  ctx.body = JSON.stringify({
    type: 'about:blank',
    title,
    status,
    code,
    detail,
    errors,
    conflicting_id: conflictingId,
    removal,
    request_id: requestIdOf(ctx),
  })
  ctx.type = 'application/problem+json'
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not signed in',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  412: 'Precondition failed',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Not valid',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Not available',
}

/** Names the columns whose unique value another row already has, and that row's id. */
const conflict = ({ columns, conflictingId }: StoreError): Problem => {
  const same = columns.map(columnName).join(' and ') || 'id'
  const which = conflictingId === undefined ? 'Another one' : `Another one, ${conflictingId},`
  return new Problem(409, 'conflict', `${which} has the same ${same}.`, { conflictingId })
}

const storeProblem = (error: StoreError): Problem => {
  switch (error.code) {
    case 'CONFLICT':
      return conflict(error)
    case 'REFERENCE':
      return invalidBody(error.columns.map((column) => ({ path: columnName(column), message: error.message })))
    case 'CURSOR':
      return new Problem(400, 'invalid_query', 'The query is not valid.', {
        errors: [{ path: 'cursor', message: error.message }],
      })
    case 'LAST_OWNER':
      return new Problem(409, 'last_owner', error.message)
    case 'ADDRESSES_EXHAUSTED':
      return new Problem(503, 'addresses_exhausted', error.message)
    case 'UNAVAILABLE':
      return new Problem(503, 'database_unavailable', error.message, {
        headers: { 'retry-after': '5' },
        cause: error.cause,
      })
    case 'BUSY':
      return new Problem(503, 'busy', error.message, { headers: { 'retry-after': '5' }, cause: error })
  }
}
