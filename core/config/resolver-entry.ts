import { z } from 'zod'
import { isHostName } from '../runtime/host-name.ts'

/** Schema of a domain name as it is on the wire: ASCII, without wildcards and without a dot at the end. */
export const DomainName = z
  .string()
  .max(253)
  .refine((text) => isHostName(text) && !/(?:^|\.)\d+$|\.$/.test(text), 'is no domain')

/** Schema of the domains that a resolver is asked for, with all names below them (split DNS). */
export const MatchDomains = z.array(DomainName).min(1).max(64)

/** Most resolvers of a configuration file or an account. */
export const MAX_RESOLVERS = 8

const Key = z.string().min(1).max(64)

/** Entry of `resolvers` in a configuration file. A key alone has no settings. */
export const ResolverEntry = z.union([
  Key.transform((type): ResolverEntry => ({ type, settings: {} })),
  z.strictObject({
    /** Key under which a plugin provides the resolver. */
    type: Key,
    /** Settings by the plugin's own schema. */
    settings: z.record(z.string(), z.unknown()).default({}),
    match: MatchDomains.optional(),
  }),
])

/** Upstream resolver that a configuration file or an account names: the key of a plugin, settings for it, and the names to ask it for. */
export interface ResolverEntry {
  type: string
  settings: Record<string, unknown>
  /** Domains to ask it for; absent: all names. */
  match?: string[] | undefined
}
