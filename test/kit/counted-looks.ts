/**
 * Counts how often some work looks something up in a map or set, or goes on to a next entry of one: the same on every
 * machine, unlike its time. Lists made of a set are counted while they are made.
 */
export const countLooks = (work: () => void): number => {
  let looks = 0
  const restore: (() => void)[] = []
  for (const [owner, method] of METHODS) {
    const original = Object.getOwnPropertyDescriptor(owner, method)
    const call = original?.value as (this: unknown, ...args: unknown[]) => unknown
    restore.push(() => Object.defineProperty(owner, method, original ?? {}))
    Object.defineProperty(owner, method, {
      configurable: true,
      writable: true,
      value(this: unknown, ...args: unknown[]) {
        looks++
        return Reflect.apply(call, this, args)
      },
    })
  }
  try {
    work()
  } finally {
    for (const each of restore) each()
  }
  return looks
}

const METHODS: readonly (readonly [object, string])[] = [
  ...['get', 'has', 'forEach'].map((method) => [Map.prototype, method] as const),
  ...['has', 'forEach'].map((method) => [Set.prototype, method] as const),
  [Object.getPrototypeOf(new Map().entries()) as object, 'next'],
  [Object.getPrototypeOf(new Set().values()) as object, 'next'],
]
