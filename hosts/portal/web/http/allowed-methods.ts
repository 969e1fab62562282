import type { Router } from '@koa/router'
import type { Middleware } from 'koa'
import { Problem } from './problem.ts'

/** A path, with `:name` for a segment that may be anything, and the methods that it has. */
export interface PathMethods {
  path: string
  methods: readonly string[]
}

/** Refuses every other method on these paths, and says which there are (RFC 9110 §15.5.6); OPTIONS is told the same. */
export const refuseOtherMethods = (paths: readonly PathMethods[]): Middleware => {
  const allowedOn = new Map<string, Set<string>>()
  for (const { path, methods } of paths) {
    const allowed = allowedOn.get(path) ?? new Set(['OPTIONS'])
    for (const method of methods) allowed.add(method)
    if (allowed.has('GET')) allowed.add('HEAD')
    allowedOn.set(path, allowed)
  }
  // A path without a variable goes before one that would take it in.
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
    throw new Problem(405, 'method_not_allowed', `Not by ${ctx.method}: here there is ${found.list}.`, {
      headers: { Allow: found.list },
    })
  }
}

/** Routes of pages, and a 405 with `Allow` for every other method on their paths. */
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
