import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import { Problem, type FieldProblem } from '../http/problem.ts'
import { Id } from './body-fields.ts'
import { ApiCalls, callerOf, type ApiCall } from './call-api.ts'
import { scopeOf } from './collection.ts'
import type { ApiContext, ApiMiddleware, Endpoint } from './endpoint.ts'
import { JoinedStore } from './joined-store.ts'
import type { ApiParts } from './parts.ts'
import { jsonBody } from './read-body.ts'

/** Most operations of one call. */
const MOST = 1_000
const BODY_KIB = 1_024
/** Most problems that a refusal names. */
const MOST_PROBLEMS = 32
const PAGE = 100

/** Collections whose rows are changed in bulk. Tokens are made one at a time, because each is shown once. */
const NOUNS =
  'account|actors|authorizations|client_tokens|clients|gateways|groups|identities|identity_providers|policies|resources|sites|tokens'
const UUID = '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}'
const ROW_PATH = new RegExp(`^/(?:${NOUNS})(?:/${UUID}(?:/(?:memberships|sessions))?)?$`)
const LIST_PATH = new RegExp(`^/(?:${NOUNS})$`)

const Body = z.record(z.string(), z.unknown())
const Cascade = z
  .boolean()
  .default(false)
  .describe('For DELETE: whether to remove what was made for the row as well, as its own `cascade` does')
const Operation = z.strictObject({
  method: z.enum(['POST', 'PUT', 'PATCH', 'DELETE']),
  path: z.string().max(200).regex(ROW_PATH, 'is no path of a row or a collection').describe('Path below /api/v1'),
  body: Body.optional(),
  cascade: Cascade,
  if_match: z
    .string()
    .max(100)
    .optional()
    .describe('ETag of the row that the change is based on; if somebody changed it since, nothing is done'),
})
const Matching = z.strictObject({
  path: z.string().max(200).regex(LIST_PATH, 'is no path of a list').describe('Path of a list below /api/v1'),
  query: z
    .record(z.string().max(64), z.string().max(4_096))
    .default({})
    .describe('Filters and search of the list, as in its own query'),
  total: z
    .int()
    .min(1)
    .max(MOST)
    .describe('Number of rows that the list had; if it has become another, nothing is done: 409 total_changed'),
  method: z.enum(['PATCH', 'DELETE']),
  body: Body.optional(),
  cascade: Cascade,
})
const Bulk = z
  .strictObject({
    operations: z.array(Operation).min(1).max(MOST).optional(),
    all_that_match: Matching.optional().describe('The same change of every row of a list'),
  })
  .refine((body) => (body.operations === undefined) !== (body.all_that_match === undefined), {
    path: ['operations'],
    message: 'give either operations or all_that_match',
  })
const Results = z.object({
  results: z
    .array(z.object({ status: z.int(), id: Id.nullable(), etag: z.string().nullable() }))
    .describe('What each operation alone would have answered, in their order'),
})

/**
 * Operation that carries out many others, which `endpointsOf` makes for a store, in one transaction: all of them, or
 * none.
 */
export const bulkEndpoints = (parts: ApiParts, endpointsOf: (parts: ApiParts) => Endpoint[]): Endpoint[] => {
  const bulk = jsonBody(Bulk, BODY_KIB * 1_024)
  let made: { joined: JoinedStore; calls: ApiCalls } | undefined
  const make = ({ app, state: { versionKey } }: ApiContext) => {
    const joined = new JoinedStore(parts.store)
    return { joined, calls: new ApiCalls(endpointsOf({ ...parts, store: joined.store }), { app, versionKey }) }
  }
  const run: ApiMiddleware = async (ctx) => {
    const { joined, calls } = (made ??= make(ctx))
    const { operations, all_that_match } = bulk.of(ctx)
    ctx.body = await joined.run(scopeOf(ctx), async () => {
      const wanted =
        all_that_match === undefined
          ? (operations ?? []).map(({ if_match: version, ...call }) => callOf(call, version))
          : await allThatMatch(calls, ctx, all_that_match)
      return { results: await carryOut(calls, ctx, wanted) }
    })
  }
  return [
    {
      method: 'POST',
      path: '/bulk',
      needs: 'actors:read', // every role has it; each operation needs its own permission
      summary: 'Creates, changes and removes many rows: all, or none',
      description:
        `Carries out up to ${MOST} operations in their order, in one transaction: each with its own permission, checks and records in the audit trail, or none of them. ` +
        'A refusal names the operations at fault by their index. Or the same change of all rows that match a filter.',
      body: Bulk,
      bodyKiB: BODY_KIB,
      status: 200,
      answer: Results,
      story: [bulk.read, run],
    },
  ]
}

const callOf = (
  { method, path, body, cascade }: Pick<ApiCall, 'method' | 'path' | 'body'> & { cascade: boolean },
  version?: string,
): ApiCall => ({ method, path, body, version, query: cascade ? { cascade: 'true' } : {} })

/** Carries out calls in their order. @throws Problem with the refusals of all calls, by their index */
const carryOut = async (
  calls: ApiCalls,
  ctx: ApiContext,
  wanted: readonly ApiCall[],
): Promise<z.infer<typeof Results>['results']> => {
  const results: z.infer<typeof Results>['results'] = []
  const refusals: { index: number; problem: Problem }[] = []
  for (const [index, call] of wanted.entries()) {
    // Other requests are answered meanwhile: the portal does not stand still for a thousand operations.
    if (index % PAGE === PAGE - 1) await setImmediate()
    const outcome = await calls.call<{ id?: unknown } | undefined>(callerOf(ctx), call)
    if (!outcome.ok) {
      refusals.push({ index, problem: outcome.problem })
      if (ENDING.has(outcome.problem.code) || refusals.length === MOST_PROBLEMS) break
      continue
    }
    const { id } = outcome.body ?? {}
    const inPath = call.path.split('/')[2]?.toLowerCase() ?? null
    results.push({
      status: outcome.status,
      id: typeof id === 'string' ? id : inPath,
      etag: outcome.version ?? null,
    })
  }
  const [first] = refusals
  if (first === undefined) return results
  const { status, conflictingId } = first.problem
  const detail = `Nothing was done: operation ${first.index} is refused. ${first.problem.detail}`
  throw new Problem(status, 'bulk_refused', detail, { errors: refusals.flatMap(fieldsOf), conflictingId })
}

/**
 * Refusals after which the later operations are not tried: PostgreSQL does nothing more once it has refused a row, and
 * what goes with a row is costly to say.
 */
const ENDING = new Set(['conflict', 'in_use'])

const fieldsOf = ({ index, problem }: { index: number; problem: Problem }): FieldProblem[] => {
  const at = `operations[${index}]`
  if (problem.errors === undefined) return [{ path: at, message: `${problem.code}: ${problem.detail}` }]
  return problem.errors.map(({ path, message }) => ({ path: `${at}.body.${path}`, message }))
}

/** Returns the calls that change each row of a list. @throws Problem 409 if it has another number of rows */
const allThatMatch = async (
  calls: ApiCalls,
  ctx: ApiContext,
  { path, query, total, ...change }: z.infer<typeof Matching>,
): Promise<ApiCall[]> => {
  const wanted: ApiCall[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const asked = { ...query, limit: String(PAGE), ...(cursor === '' ? {} : { cursor }) }
    const outcome = await calls.call<Page>(callerOf(ctx), { method: 'GET', path, query: asked })
    if (!outcome.ok) throw inQuery(outcome.problem)
    const page: Page = outcome.body
    if (page.total !== total) {
      const detail = `Nothing was done: ${total} rows were to be changed, and ${page.total} match by now. Look at them again.`
      throw new Problem(409, 'total_changed', detail)
    }
    for (const { id } of page.data) wanted.push(callOf({ ...change, path: `${path}/${id}` }))
    cursor = page.next_cursor
  }
  return wanted
}

interface Page {
  data: { id: string }[]
  total: number
  next_cursor: string | null
}

/** Refusal of a list's query, as of the body that the query is in. */
const inQuery = ({ status, code, detail, errors = [] }: Problem): Problem =>
  new Problem(status === 400 ? 422 : status, code, detail, {
    errors: errors.map(({ path, message }) => ({ path: `all_that_match.query.${path}`, message })),
  })
