import type { Token } from '../di.ts'
import { Logger } from '../runtime/logger.ts'
import { Metrics } from '../runtime/metrics.ts'

/**
 * Port as one plugin is handed it. A log line or a metric says which plugin it is from. A plugin cannot replace the port's methods,
 * which all other plugins and the host share.
 */
export const ownPort = (what: Token<unknown>, port: unknown, plugin: string): unknown => {
  if (what === Logger) return facade((port as Logger).with({ plugin }))
  if (what === Metrics) return facade((port as Metrics).with({ plugin }))
  return typeof port === 'object' && port !== null ? facade(port) : port
}

/** Frozen object that has all methods of another one, bound to it, and its other members as they are when they are read. */
const facade = (port: object): object => {
  const members = Object.create(null) as object
  for (let level = port; level !== Object.prototype && level !== null; level = Object.getPrototypeOf(level) as object) {
    for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (key === 'constructor' || Object.hasOwn(members, key)) continue
      const value: unknown = descriptor.value
      const member =
        typeof value === 'function'
          ? { value: Object.freeze(value.bind(port) as object) }
          : { get: () => (port as Record<string, unknown>)[key] }
      Object.defineProperty(members, key, { ...member, enumerable: true })
    }
  }
  return Object.freeze(members)
}
