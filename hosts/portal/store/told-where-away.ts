import type { Store } from './store.ts'

/** Methods whose results have methods of their own that ask the database. */
const PARTS = new Set<string | symbol>(['reader', 'signInRecords'])

/** A store that rejects with what `translate` makes of an error, whichever of its parts it comes from. */
export const toldWhereAway = (store: Store, translate: (error: unknown) => unknown): Store =>
  translated(store, translate)

const translated = <T extends object>(inner: T, translate: (error: unknown) => unknown): T =>
  new Proxy(inner, {
    get: (target, key): unknown => {
      // By the object itself: it has private fields.
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
