import type { Store } from './store.ts'

/** Methods that return objects whose own methods query the database. */
const PARTS = new Set<string | symbol>(['reader', 'signInRecords'])

/** Wraps a store so that every rejection, also of the objects that it returns, passes through `translate`. */
export const withTranslatedErrors = (store: Store, translate: (error: unknown) => unknown): Store =>
  translated(store, translate)

const translated = <T extends object>(inner: T, translate: (error: unknown) => unknown): T =>
  new Proxy(inner, {
    get: (target, key): unknown => {
      // Read and called on the store itself, not on the proxy: it has private fields.
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value === 'object' && value !== null) return translated(value, translate)
      if (typeof value !== 'function') return value
      return (...given: unknown[]): unknown => {
        const result: unknown = Reflect.apply(value, target, given)
        if (result instanceof Promise) {
          return result.catch((error: unknown) => {
            throw translate(error)
          })
        }
        return PARTS.has(key) && typeof result === 'object' && result !== null ? translated(result, translate) : result
      }
    },
  })
