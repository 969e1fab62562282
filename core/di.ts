// The only file that uses the container library. It exports only what is safe to use: see ARCHITECTURE.md, "tsyringe,
// used cleanly".
import 'reflect-metadata'
import { container as globalContainer, type DependencyContainer, type InjectionToken } from 'tsyringe'

/**
 * Typed symbol that identifies a port or a contract. Made by `Symbol.for`, so that two copies of this package agree.
 */
export type Token<T> = symbol & { readonly __type?: T }

/** Makes the token of a port or a contract. By convention, its variable has the same name as the interface. */
export const token = <T>(name: string): Token<T> => Symbol.for(`portreeve/${name}`)

/** Dependency container of one host. It holds values only, and is never passed to what is built from it. */
export interface Container {
  /** Registers a value. Registering the same token twice is a bug and throws. */
  value: <T>(what: Token<T>, value: T) => void
  /** Whether a value is registered for a token. */
  has: (what: Token<unknown>) => boolean
  /** Returns the value of a token; throws an error that names the token if there is none. */
  get: <T>(what: Token<T>) => T
}

export const createContainer = (): Container => {
  const inner: DependencyContainer = globalContainer.createChildContainer()
  const known = new Set<symbol>()
  return {
    value: (what, value) => {
      if (known.has(what)) throw new Error(`registered twice: ${what.description ?? 'a token'}`)
      known.add(what)
      inner.register(what as InjectionToken, { useValue: value })
    },
    has: (what) => known.has(what),
    get: (what) => {
      if (!known.has(what)) throw new Error(`nothing is registered for ${what.description ?? 'a token'}`)
      return inner.resolve(what as InjectionToken)
    },
  }
}
