// The only file that touches the container library. What it exports is what is safe to use:
// see ARCHITECTURE.md, "tsyringe, used cleanly".
import 'reflect-metadata'
import { container as globalContainer, type DependencyContainer, type InjectionToken } from 'tsyringe'

/** A typed symbol: the identity of a port or a contract. `Symbol.for`, so that two copies of this package agree. */
export type Token<T> = symbol & { readonly __type?: T }

/** Makes the token of a port or a contract. By convention it has the name of the interface that it stands for. */
export const token = <T>(name: string): Token<T> => Symbol.for(`portreeve/${name}`)

/** One host's container. Only values are registered in it, and it is never handed on to what it builds. */
export interface Container {
  /** Registers a value. Registering the same token twice is a bug and throws. */
  value: <T>(what: Token<T>, value: T) => void
  /** Whether a value is registered for a token. */
  has: (what: Token<unknown>) => boolean
  /** The value of a token, or an error that names what is missing. */
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
