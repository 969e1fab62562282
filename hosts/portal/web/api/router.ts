import { bodyParser } from '@koa/bodyparser'
import { Router } from '@koa/router'
import type { Middleware } from 'koa'
import { EXACT_ROUTES } from '../exact-routes.ts'
import { Problem } from '../problem.ts'
import { accountEndpoints } from './account.ts'
import { actorEndpoints } from './actors.ts'
import { auditLogEndpoints } from './audit-log.ts'
import { authenticate } from './authenticate.ts'
import { authorizationEndpoints } from './authorizations.ts'
import { clientEndpoints } from './clients.ts'
import type { ApiExtras, ApiState, Endpoint } from './endpoint.ts'
import { explainEndpoints } from './explain.ts'
import { gatewayEndpoints } from './gateways.ts'
import { groupEndpoints } from './groups.ts'
import { identityEndpoints } from './identities.ts'
import { identityProviderEndpoints } from './identity-providers.ts'
import { openApi } from './open-api.ts'
import type { ApiParts } from './parts.ts'
import { policyEndpoints } from './policies.ts'
import { resourceEndpoints } from './resources.ts'
import { simulateEndpoints } from './simulate.ts'
import { siteEndpoints } from './sites.ts'
import { tokenEndpoints } from './tokens.ts'

/** Every operation of the API. */
export const apiEndpoints = (parts: ApiParts): Endpoint[] => [
  ...accountEndpoints(parts),
  ...siteEndpoints(parts),
  ...gatewayEndpoints(parts),
  ...resourceEndpoints(parts),
  ...actorEndpoints(parts),
  ...groupEndpoints(parts),
  ...policyEndpoints(parts),
  ...explainEndpoints(parts),
  ...simulateEndpoints(parts),
  ...identityProviderEndpoints(parts),
  ...identityEndpoints(parts),
  ...clientEndpoints(parts),
  ...tokenEndpoints(parts),
  ...authorizationEndpoints(parts),
  ...auditLogEndpoints(parts),
]

/** The API below /api/v1, and its description at /openapi.json. */
export const apiRoutes = (parts: ApiParts, about: { version: string; url: string }): Middleware[] => {
  const endpoints = apiEndpoints(parts)
  const router = new Router<ApiState, ApiExtras>({ prefix: '/api/v1', ...EXACT_ROUTES })
  // Each story begins with these, and no other way leads to one: there is no route without them.
  const beginning = [
    authenticate(parts.tokens),
    // The largest body: 2,000 ids of a change of a group's members.
    bodyParser({ enableTypes: ['json'], jsonLimit: '128kb' }) as Middleware<ApiState, ApiExtras>,
  ]
  for (const { method, path, story } of endpoints) router.register(path, [method], [...beginning, ...story])
  const description = JSON.stringify(openApi(endpoints, about))
  return [
    router.routes() as Middleware,
    async (ctx, next) => {
      if (ctx.path === '/openapi.json') {
        ctx.type = 'application/json'
        ctx.body = description
        return
      }
      await next()
    },
    router.allowedMethods({
      throw: true,
      methodNotAllowed: () => new Problem(405, 'method_not_allowed', 'This is not done here.'),
      notImplemented: () => new Problem(405, 'method_not_allowed', 'This is not done here.'),
    }) as Middleware,
  ]
}
