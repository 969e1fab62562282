import { z } from 'zod'

/**
 * Whether what a schema's author says of it (`.meta({ writeOnly: true })`) can be seen here. A plugin may bring its own copy of zod. Copies share
 * one registry of descriptions from 4.2 on; before that, a secret looks like anything else.
 */
export const sharesDescriptions = (schema: unknown): boolean => {
  const own = schema as { meta?: (description: object) => z.ZodType; _zod?: { version?: { minor?: unknown } } }
  if (typeof own.meta === 'function') return z.globalRegistry.get(own.meta({ writeOnly: true }))?.['writeOnly'] === true
  // zod's small variant, whose authors name a registry themselves.
  const { minor } = own._zod?.version ?? {}
  return typeof minor === 'number' && minor >= 2
}
