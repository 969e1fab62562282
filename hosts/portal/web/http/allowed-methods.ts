import type { Router } from '@koa/router'
import type { Middleware } from 'koa'
import { Problem } from './problem.ts'

/** A path, in which `:name` stands for any one segment, and its methods. */
export interface PathMethods {
  path: string
  methods: readonly string[]
}

/**
 * Answers other methods on known paths with 405 and an Allow header (RFC 9110 §15.5.6), and OPTIONS with the same
 * header.
 */
export const refuseOtherMethods = (paths: readonly PathMethods[]): Middleware => {
  const allowedOn = new Map<string, Set<string>>()
  for (const { path, methods } of paths) {
    const allowed = allowedOn.get(path) ?? new Set(['OPTIONS'])
    for (const method of methods) allowed.add(method)
    if (allowed.has('GET')) allowed.add('HEAD')
    allowedOn.set(path, allowed)
  }
  // Paths with fewer variables go first, so that `/a/b` is not taken for `/a/:id`.
  const known = [...allowedOn]
    .toSorted(([a], [b]) => variables(a) - variables(b))
    .map(([path, allowed]) => ({ pattern: patternOf(path), allowed, list: [...allowed].toSorted().join(', ') }))
  return async (ctx, next) => {
    const found = known.find(({ pattern }) => pattern.test(ctx.path))
    if (found === undefined) return next()
    if (ctx.method === 'OPTIONS') {
      ctx.set('Allow', found.list)
      ctx.status = 204
      return
    }
    if (found.allowed.has(ctx.method)) return next()
    throw new Problem(405, 'method_not_allowed', `The method ${ctx.method} is not allowed here, only ${found.list}.`, {
      headers: { Allow: found.list },
    })
  }
}

/**
 * Returns the middleware of a router of pages, which also answers other methods on their paths with 405 and an Allow
 * header.
 */
export const routesAndRefusals = (router: Router): Middleware => {
  const refuse = refuseOtherMethods(router.stack.map(({ path, methods }) => ({ path: String(path), methods })))
  const routes = router.routes() as Middleware
  return Object.assign<Middleware, { router: Router }>(
    async (ctx, next) => refuse(ctx, async () => routes(ctx, next)),
    {
      router,
    },
  )
}

const variables = (path: string): number => path.split('/:').length

const patternOf = (path: string): RegExp => new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+')}$`)
