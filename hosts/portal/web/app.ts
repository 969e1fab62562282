import Koa, { type Middleware } from 'koa'
import helmet from 'koa-helmet'
import type { PluginLog } from '../../../core/plugin/plugin-log.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import type { Random } from '../../../core/runtime/random.ts'
import type { Rate } from '../../../core/runtime/token-bucket.ts'
import { derivedKey } from '../identity/secret-key.ts'
import { refuseOtherMethods } from './http/allowed-methods.ts'
import type { ApiParts } from './api/parts.ts'
import { adminRoutes } from './admin/routes.ts'
import { ApiCalls } from './api/call-api.ts'
import { DOCS_PATH, docsPage } from './api/docs-page.ts'
import { openApi } from './api/open-api.ts'
import { apiEndpoints, apiRoutes, versionKeyOf } from './api/router.ts'
import type { ClientAddress } from '../origin/client-address.ts'
import { clientSignOut, isClientSignOut } from './api/client-sign-out.ts'
import { healthRoutes, livenessRoute, type ReadinessCheck } from './health.ts'
import type { Metrics } from './http/metrics.ts'
import { assets, Pages, showAsPage } from './http/pages.ts'
import { plainChannel } from './plain-channel.ts'
import { myRoutes } from './my/routes.ts'
import { noteRequestId } from './http/request-id.ts'
import { refuseUnreadable } from './http/plain-request.ts'
import { handleErrors, showAsJson } from './http/problem.ts'
import { limitRate } from './http/rate-limit.ts'
import { refuseForeignForms } from './http/foreign-form.ts'
import { Seal } from './http/seal.ts'
import { SealedCookies } from './http/sealed-cookie.ts'
import { ProviderTests, type ProviderTestParts } from './provider-test/provider-tests.ts'
import { TestRecords } from './provider-test/test-records.ts'
import { deskOf } from './sign-in/desk.ts'
import { PendingSignIns } from './sign-in/pending.ts'
import { signInRoutes } from './sign-in/routes.ts'
import { Sessions } from './sign-in/session.ts'

export interface WebParts extends ApiParts {
  random: Random
  logger: Logger
  pluginLog: PluginLog
  clientAddress: ClientAddress
  clientScheme: string
  rateLimit: Rate
  /** Rate limit of sign-in steps, which cost the portal and others more than a page. */
  signInRateLimit: Rate
  version: string
  checks: readonly ReadinessCheck[]
  /** Returns sentences about what is wrong and keeps nobody from being served. */
  notes: () => readonly string[]
  metrics: Metrics
  /** Calls back when a client or gateway comes or leaves; returns a function that ends that. */
  onPresence: (look: (peerId: string) => void) => () => void
}

/**
 * Builds the portal's web application: health, metrics, API, pages and sign-in, with the middlewares that protect them.
 */
export const webApp = (parts: WebParts): Koa => {
  const { clock, random, logger, key, metrics, publicUrl, checks, notes } = parts
  const secure = publicUrl.startsWith('https:')
  const pages = new Pages()
  const seal = new Seal(derivedKey(key, 'sessions'), random)
  const sessions = new Sessions({ store: parts.store, clock, random, secure, seal })
  const cookies = new SealedCookies({ key: derivedKey(key, 'cookies'), clock, random, secure })
  const showPage = showAsPage(pages)

  const app = new Koa()
  app.silent = true // handleErrors answers all errors; Koa itself would only report broken connections
  app.use(noteRequestId(random))
  app.use(noteClientAddress(parts.clientAddress))
  app.use(metrics.middleware(clock))
  app.use(securityHeaders(secure))
  app.use(
    handleErrors({
      logger,
      show: (ctx, problem) => (isForPrograms(ctx.path) ? showAsJson(ctx, problem) : showPage(ctx, problem)),
    }),
  )
  app.use(refuseUnreadable())
  app.use(refuseOtherMethods(['/healthz', '/readyz', '/metrics'].map((path) => ({ path, methods: ['GET'] }))))
  app.use(livenessRoute())
  app.use(limitRate(parts.rateLimit, clock))
  app.use(healthRoutes({ checks, notes, metrics }))
  app.use(plainChannel(parts))
  app.use(clientSignOut(parts))
  app.use(assets())
  const endpoints = apiEndpoints(parts)
  const about = { version: parts.version, url: publicUrl }
  app.use(refuseOtherMethods([{ path: DOCS_PATH, methods: ['GET'] }]))
  app.use(docsPage(pages, () => openApi(endpoints, about)))
  for (const middleware of apiRoutes(parts, endpoints, about)) app.use(middleware)
  app.use(refuseForeignForms())
  app.use(sessions.middleware(app))
  app.use(myRoutes({ ...parts, pages, cookies, sessions }))
  const deskFor: ProviderTestParts['deskFor'] = (provider, asker) => deskOf(parts.store, provider, asker)
  const records = new TestRecords(parts.store, { seal: new Seal(derivedKey(key, 'provider tests'), random), clock })
  const pendings = new PendingSignIns(cookies, random)
  const tests = new ProviderTests({ ...parts, pages, sessions, pendings, records, deskFor })
  app.use(
    adminRoutes({
      ...parts,
      pages,
      sessions,
      app,
      tests,
      api: new ApiCalls(endpoints, { app, versionKey: versionKeyOf(parts) }),
    }),
  )
  app.use(
    signInRoutes({
      ...parts,
      pages,
      cookies,
      sessions,
      limitSteps: limitRate(parts.signInRateLimit, clock),
      deskFor,
      answerTest: async (ctx, pending) => tests.comeBack(ctx, pending),
    }),
  )
  return app
}

const noteClientAddress =
  (clientAddress: ClientAddress): Middleware =>
  async (ctx, next) => {
    ctx.state['clientAddress'] = clientAddress({
      socketAddress: ctx.req.socket.remoteAddress,
      forwardedFor: ctx.req.headers['x-forwarded-for'],
    })
    await next()
  }

const isForPrograms = (path: string): boolean =>
  isClientSignOut(path) || /^\/(?:api\/|openapi\.json$|healthz$|readyz$|metrics$)/.test(path)

// Pages have no frames, no inline scripts and nothing from other sites.
const securityHeaders = (secure: boolean): Middleware =>
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: secure ? { maxAge: 31_536_000 } : false,
  })
