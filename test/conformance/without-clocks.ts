/** Runs `work` and returns the names of the clocks that it read meanwhile. Each of them stands still, at a moment that is long past. */
export const withoutClocks = <T>(work: () => T): { result: T; reads: readonly string[] } => {
  const reads: string[] = []
  const real = { Date: globalThis.Date, now: Object.getOwnPropertyDescriptor(performance, 'now') }
  const still = (name: string) => (): number => {
    reads.push(name)
    return 0
  }
  globalThis.Date = new Proxy(real.Date, {
    construct: (date, args: unknown[], target) =>
      Reflect.construct(date, args.length === 0 ? [still('new Date()')()] : args, target) as Date,
    apply: () => new real.Date(still('Date()')()).toString(),
    get: (date, key) => (key === 'now' ? still('Date.now') : (Reflect.get(date, key) as unknown)),
  })
  Object.defineProperty(performance, 'now', { value: still('performance.now'), configurable: true })
  try {
    return { result: work(), reads }
  } finally {
    globalThis.Date = real.Date
    // An own property would hide the prototype's.
    if (real.now === undefined) Reflect.deleteProperty(performance, 'now')
    else Object.defineProperty(performance, 'now', real.now)
  }
}
