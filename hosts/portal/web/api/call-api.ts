import type Koa from 'koa'
import type { Change } from '../../store/entities.ts'
import { innerContext } from '../http/inner-context.ts'
import { notFound, problemOf, type Problem } from '../http/problem.ts'
import { API_PATH, type ApiContext, type ApiMiddleware, type ApiState, type Endpoint } from './endpoint.ts'
import { permit } from './permit.ts'
import { NO_QUERY, queryOf } from './read-body.ts'

/** Call of an operation of the API from within the portal, on behalf of a signed-in person. */
export interface ApiCall {
  method: Endpoint['method']
  /** Path below /api/v1 with its ids, such as `/sites/018f…`. */
  path: string
  query?: Readonly<Record<string, string>>
  body?: unknown
  /** Version of the row that the change is based on, as an earlier answer's ETag; without one the last change wins. */
  version?: string | undefined
}

/** Person on whose behalf the portal calls its own API. */
export type ApiCaller = Pick<ApiState, 'clientAddress' | 'account' | 'actor' | 'authority' | 'by'>

/** Returns the caller of a request, for calls on the same person's behalf. */
export const callerOf = ({ state }: ApiContext): ApiCaller => ({
  clientAddress: state.clientAddress,
  account: state.account,
  actor: state.actor,
  authority: state.authority,
  by: state.by,
})

/** Answer or refusal of an operation; `Body` is the form that the operation's schema describes. */
export type ApiOutcome<Body = unknown> =
  | { ok: true; status: number; body: Body; version: string | undefined }
  | { ok: false; problem: Problem }

/**
 * Carries out operations of the API for the portal's own pages: with the same checks, refusals, and records in the audit
 * trail as for callers over the network.
 */
export class ApiCalls {
  readonly #app: Koa
  readonly #versionKey: Uint8Array
  readonly #routes: readonly { endpoint: Endpoint; segments: readonly string[] }[]

  constructor(endpoints: readonly Endpoint[], { app, versionKey }: { app: Koa; versionKey: Uint8Array }) {
    this.#app = app
    this.#versionKey = versionKey
    this.#routes = endpoints
      .map((endpoint) => ({ endpoint, segments: endpoint.path.split('/') }))
      // Paths with fewer variables go first, so that `/a/b` is not taken for `/a/:id`.
      .toSorted((a, b) => variables(a.segments) - variables(b.segments))
  }

  /** Carries out a call. A refusal is an outcome, not an exception. */
  async call<Body>(caller: ApiCaller, call: ApiCall): Promise<ApiOutcome<Body>> {
    return (await this.#run(caller, call)) as ApiOutcome<Body>
  }

  /** Returns the outcome that a call would have, and the changes that it would make, of which nothing is kept. */
  async rehearse(caller: ApiCaller, call: ApiCall): Promise<{ outcome: ApiOutcome; changes: readonly Change[] }> {
    const changes: Change[] = []
    const outcome = await this.#run(caller, call, (made) => changes.push(...made))
    return { outcome, changes }
  }

  async #run(caller: ApiCaller, call: ApiCall, rehearsal?: ApiState['rehearsal']): Promise<ApiOutcome> {
    try {
      const { endpoint, params } = this.#find(call)
      const ctx = this.#context(call)
      Object.assign(ctx.state, caller, { versionKey: this.#versionKey, given: { body: call.body ?? {} } })
      if (rehearsal !== undefined) ctx.state.rehearsal = rehearsal
      ctx.params = params
      await inOrder([permit(endpoint.needs), queryOf(endpoint.query ?? NO_QUERY).read, ...endpoint.story], ctx)
      return { ok: true, status: ctx.status, body: ctx.body, version: ctx.response.get('etag') || undefined }
    } catch (error) {
      const problem = problemOf(error)
      if (problem.status >= 500) throw error
      return { ok: false, problem }
    }
  }

  #find({ method, path }: ApiCall): { endpoint: Endpoint; params: Record<string, string> } {
    const given = path.split('/')
    for (const { endpoint, segments } of this.#routes) {
      if (endpoint.method !== method || segments.length !== given.length) continue
      const pairs = segments.map((segment, index) => [segment, given[index] ?? ''] as const)
      if (!pairs.every(([segment, text]) => segment.startsWith(':') || segment === text)) continue
      const params = pairs.filter(([segment]) => segment.startsWith(':'))
      return { endpoint, params: Object.fromEntries(params.map(([segment, text]) => [segment.slice(1), text])) }
    }
    throw notFound()
  }

  #context({ method, path, query = {}, version }: ApiCall): ApiContext {
    const search = new URLSearchParams(query).toString()
    const url = `${API_PATH}${path}${search === '' ? '' : `?${search}`}`
    return innerContext(this.#app, {
      method,
      url,
      ...(version === undefined ? {} : { headers: { 'if-match': version } }),
    }) as ApiContext
  }
}

const variables = (segments: readonly string[]): number => segments.filter((segment) => segment.startsWith(':')).length

const inOrder = async ([first, ...others]: readonly ApiMiddleware[], ctx: ApiContext): Promise<void> => {
  await first?.(ctx, async () => inOrder(others, ctx))
}
