import type { Token } from '../di.ts'
import { Logger } from '../runtime/logger.ts'
import { Metrics } from '../runtime/metrics.ts'

/**
 * Port as one plugin is handed it. A log line or a metric says which plugin it is from. A plugin cannot replace the port's methods,
 * which all other plugins and the host share.
 */
export const ownPort = (what: Token<unknown>, port: unknown, plugin: string): unknown => {
  if (what === Logger) return facade(pluginLogger(port as Logger, plugin))
  if (what === Metrics) return facade((port as Metrics).with({ plugin }))
  return typeof port === 'object' && port !== null ? facade(port) : port
}

/** Logger whose lines all have the plugin's name in the field `plugin`, whatever fields the plugin gives. */
const pluginLogger = (logger: Logger, plugin: string): Logger => ({
  trace: (fields, message) => logger.trace({ ...fields, plugin }, message),
  debug: (fields, message) => logger.debug({ ...fields, plugin }, message),
  info: (fields, message) => logger.info({ ...fields, plugin }, message),
  warn: (fields, message) => logger.warn({ ...fields, plugin }, message),
  error: (fields, message) => logger.error({ ...fields, plugin }, message),
  with: (fields) => {
    const others = Object.entries(fields).filter(([name]) => name !== 'plugin')
    return facade(pluginLogger(logger.with(Object.fromEntries(others)), plugin))
  },
})

/** Frozen object that has all methods of another one, bound to it, and its other members as they are when they are read. */
const facade = <Port extends object>(port: Port): Port => {
  const members = Object.create(null) as Port
  for (
    let level: object | null = port;
    level !== Object.prototype && level !== null;
    level = Object.getPrototypeOf(level) as object | null
  ) {
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
