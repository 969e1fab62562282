import { Router } from '@koa/router'
import type { Middleware } from 'koa'
import { createHash } from 'node:crypto'
import { derivedKey } from '../../identity/secret-key.ts'
import { refuseOtherMethods } from '../http/allowed-methods.ts'
import { EXACT_ROUTES } from '../http/exact-routes.ts'
import { accessFileEndpoints } from './access-file.ts'
import { accountEndpoints } from './account.ts'
import { actorEndpoints } from './actors.ts'
import { auditLogEndpoints } from './audit-log.ts'
import { authenticate, noteRefusals } from './authenticate.ts'
import { authorizationEndpoints } from './authorizations.ts'
import { bulkEndpoints } from './bulk.ts'
import { clientEndpoints } from './clients.ts'
import { API_PATH, type ApiExtras, type ApiState, type Endpoint, type ApiMiddleware } from './endpoint.ts'
import { explainEndpoints } from './explain.ts'
import { gatewayEndpoints } from './gateways.ts'
import { groupEndpoints } from './groups.ts'
import { isCreation, onceByKey } from './idempotency.ts'
import { identityEndpoints } from './identities.ts'
import { identityProviderEndpoints } from './identity-providers.ts'
import { meEndpoints } from './me.ts'
import { openApi } from './open-api.ts'
import type { ApiParts } from './parts.ts'
import { NO_QUERY, queryOf } from './read-body.ts'
import { permit } from './permit.ts'
import { answerIfNew, isKnown } from './row-version.ts'
import { pluginEndpoints } from './plugins.ts'
import { policyEndpoints } from './policies.ts'
import { askBeforeRemoval, RemovalQuery } from './removal.ts'
import { relayEndpoints } from './relays.ts'
import { resourceEndpoints } from './resources.ts'
import { simulateEndpoints } from './simulate.ts'
import { sessionEndpoints } from './sessions.ts'
import { siteEndpoints } from './sites.ts'
import { tokenEndpoints } from './tokens.ts'

/** Returns all operations of the API. */
export const apiEndpoints = (parts: ApiParts): Endpoint[] => [
  ...singleEndpoints(parts),
  ...bulkEndpoints(parts, withQuestions),
  ...accessFileEndpoints(parts, withQuestions),
]

/** Returns the operations that others are made of, with the question what goes along in front of removals. */
const withQuestions = (parts: ApiParts): Endpoint[] => singleEndpoints(parts).map(askingBeforeRemoval(parts))

/** Puts the question what goes along in front of a removal. */
const askingBeforeRemoval =
  (parts: ApiParts) =>
  (endpoint: Endpoint): Endpoint =>
    endpoint.query === RemovalQuery ? { ...endpoint, story: [askBeforeRemoval(parts), ...endpoint.story] } : endpoint

/** Returns the operations that are carried out one at a time. */
const singleEndpoints = (parts: ApiParts): Endpoint[] => [
  ...accountEndpoints(parts),
  ...meEndpoints(parts),
  ...siteEndpoints(parts),
  ...gatewayEndpoints(parts),
  ...relayEndpoints(parts),
  ...resourceEndpoints(parts),
  ...actorEndpoints(parts),
  ...groupEndpoints(parts),
  ...policyEndpoints(parts),
  ...explainEndpoints(parts),
  ...simulateEndpoints(parts),
  ...identityProviderEndpoints(parts),
  ...identityEndpoints(parts),
  ...clientEndpoints(parts),
  ...sessionEndpoints(parts),
  ...tokenEndpoints(parts),
  ...authorizationEndpoints(parts),
  ...auditLogEndpoints(parts),
  ...pluginEndpoints(parts),
]

/** Middlewares that serve the API below /api/v1, and its description at /openapi.json. */
export const apiRoutes = (
  parts: ApiParts,
  endpoints: readonly Endpoint[],
  about: { version: string; url: string },
): Middleware[] => {
  const router = new Router<ApiState, ApiExtras>({ prefix: API_PATH, ...EXACT_ROUTES })
  const versionKey = versionKeyOf(parts)
  const begin: ApiMiddleware = async (ctx, next) => {
    ctx.state.versionKey = versionKey
    await next()
  }
  // All operations begin with these middlewares; there is no route without them.
  const beginning = [begin, noteRefusals(parts.refusedCalls), authenticate(parts)]
  const once = onceByKey(parts)
  for (const endpoint of endpoints.map(askingBeforeRemoval(parts))) {
    const { method, path, needs, query = NO_QUERY, story } = endpoint
    const [readBody, ...others] = story
    const told = isCreation(endpoint) && readBody !== undefined ? [readBody, once, ...others] : story
    router.register(path, [method], [...beginning, permit(needs), answerIfNew, queryOf(query).read, ...told])
  }
  const paths = endpoints.map(({ method, path }) => ({ path: `${API_PATH}${path}`, methods: [method] }))
  return [
    refuseOtherMethods([...paths, { path: DESCRIPTION_PATH, methods: ['GET'] }]),
    router.routes() as Middleware,
    describe(() => JSON.stringify(openApi(endpoints, about))),
  ]
}

/** Returns the key of the MACs that serve as row versions. */
export const versionKeyOf = ({ key }: Pick<ApiParts, 'key'>): Uint8Array => derivedKey(key, 'row-versions')

const DESCRIPTION_PATH = '/openapi.json'

/** Serves the description, which is built for the first request: that takes as long as all else of a portal's start. */
const describe = (build: () => string): Middleware => {
  let built: { description: string; etag: string } | undefined
  return async (ctx, next) => {
    if (ctx.path !== DESCRIPTION_PATH) return next()
    const { description, etag } = (built ??= withTag(build()))
    ctx.set('ETag', etag)
    ctx.status = 200
    if (isKnown(ctx)) {
      ctx.status = 304
      return
    }
    ctx.type = 'application/json'
    ctx.body = description
  }
}

const withTag = (description: string): { description: string; etag: string } => ({
  description,
  etag: `"${createHash('sha256').update(description).digest('base64url').slice(0, 22)}"`,
})
