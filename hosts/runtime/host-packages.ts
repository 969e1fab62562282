import * as nodeModule from 'node:module'
import { isOfHost, type HostPackagesHook } from './host-packages-hook.ts'

/**
 * Makes `import 'portreeve'` lead to this package in every module of this thread, wherever that module is and whatever
 * other copy is installed beside it: a plugin and its host share one contract. `zod` leads to this package's own where a
 * module finds no other. Calling it again does nothing.
 */
export const shareHostPackages = (): void => {
  if (isShared) return
  isShared = true
  const { registerHooks } = nodeModule as HookedModule
  if (registerHooks === undefined) {
    // Node.js 20, and 22 before 22.15, have hooks for `import` only, on a thread of their own.
    const data: HostPackagesHook = { self: import.meta.url }
    nodeModule.register(new URL(`./host-packages-hook${import.meta.url.slice(-3)}`, import.meta.url), { data })
    return
  }
  const own = (specifier: string): Resolved => ({ url: import.meta.resolve(specifier), shortCircuit: true })
  registerHooks({
    resolve: (specifier, context, next) => {
      const whose = isOfHost(specifier)
      // Resolving a name for this very module asks the hooks again.
      if (whose === 'never' || context.parentURL === import.meta.url) return next(specifier, context)
      if (whose === 'always') return own(specifier)
      try {
        return next(specifier, context)
      } catch {
        return own(specifier)
      }
    },
  })
}

let isShared = false

interface Resolved {
  url: string
  shortCircuit?: boolean
}

/** Module `node:module` of Node.js 22.15 and later, which the types of Node.js 20 do not have. */
interface HookedModule {
  registerHooks?: (hooks: {
    resolve: (
      specifier: string,
      context: { parentURL?: string },
      next: (specifier: string, context: object) => Resolved,
    ) => Resolved
  }) => void
}
