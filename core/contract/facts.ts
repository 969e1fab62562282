import { z } from 'zod'
import type { UnixTime } from '../runtime/time.ts'
import type { Schema } from './schema.ts'

/** Value that the portal knows, with its source and age, as a plugin is given it. Frozen. */
export interface Fact<T> {
  readonly value: T
  /**
   * Source of the value: `portal`; `client` or `gateway`, which is not proven; `question` for a value that an admin
   * supposes in a simulation; or the plugin that reports the fact, with its version: `oncall 1.0.0`.
   */
  readonly source: string
  /**
   * Time since which the portal has seen this value without a break; the portal's start for values that it read then.
   */
  readonly since: UnixTime
  /**
   * Time when the fact becomes unknown unless its source confirms it; absent: the fact holds until its source changes
   * it.
   */
  readonly validUntil?: UnixTime
}

/** Subject of a fact: the request, or one of the gateways that may serve it. */
export type About = 'request' | 'candidate'

/** Part of the system that a fact comes from. Values from a client or gateway are not proven. */
export type SaidBy = 'portal' | 'client' | 'gateway'

/**
 * Fact that a plugin declares to read. `Given` is the type that the plugin is handed: a `Fact`, or for an optional fact
 * also undefined.
 */
export interface Reads<Given, A extends About = About> {
  /** Name such as `client.address`: lower case, words joined by underscores, labels by dots. */
  readonly name: string
  readonly about: A
  readonly isOptional: boolean
  readonly from: SaidBy
  /** Schema of the fact's value. */
  readonly schema: Schema<unknown>
  /** Fact by whose value a fact that a plugin brings is looked up; absent for those that hosts know by themselves. */
  readonly by?: Reads<Fact<string>, 'request'> | undefined
  /** Carries the type for the compiler; never present at run time. */
  readonly __given?: Given | undefined
}

/** Token of a fact whose value is a `T`, to be listed in a plugin's `facts` or `candidateFacts`. */
export type FactToken<T, A extends About = 'request'> = Reads<Fact<T>, A>

/**
 * Marks a fact as optional: a condition is evaluated also while the fact is unknown, and is given undefined for it. If
 * a fact that is not optional is unknown, access is denied without evaluating the condition.
 */
export const optional = <T, A extends About>(fact: FactToken<T, A>): Reads<Fact<T> | undefined, A> => {
  const { __given: _, ...token } = fact
  return { ...token, isOptional: true }
}

/**
 * Names a fact that a plugin brings. With `by` it is a table by the value of a fact that hosts know, such as
 * `Facts.actor.email`. With `from: 'client'` each client's machine says its own value: the source runs there, the portal
 * loads the plugin for the schema, and the value is not proven. The name is a label of the plugin's own, a dot, and a
 * second label: `oncall.duty`. The schema takes plain data and changes nothing: no transforms, no defaults.
 */
export const fact = <T, Input>(
  name: `${string}.${string}`,
  schema: Schema<T, Input> & ([Input] extends [T] ? unknown : 'the schema of a fact changes no values'),
  { by, from }: FactOrigin,
): FactToken<T> => ({ ...ofRequest(name, schema, from ?? 'portal'), ...(by && { by }) })

/** Origin of a fact's values: a source at the portal, looked up by another fact, or each client's machine. */
export type FactOrigin =
  | { readonly by: FactToken<string>; readonly from?: undefined }
  | { readonly from: 'client'; readonly by?: undefined }

const ofRequest = <T>(name: string, schema: Schema<T>, from: SaidBy = 'portal'): FactToken<T> => ({
  name,
  about: 'request',
  isOptional: false,
  from,
  schema,
})
const ofCandidate = <T>(name: string, schema: Schema<T>, from: SaidBy): FactToken<T, 'candidate'> => ({
  name,
  about: 'candidate',
  isOptional: false,
  from,
  schema,
})

/** Facts that the portal knows without a plugin, to be listed in a plugin's `facts` and `candidateFacts`. */
export const Facts = {
  /** Person or service account that asks. */
  actor: {
    id: ofRequest('actor.id', z.string()),
    type: ofRequest('actor.type', z.enum(['user', 'helpdesk', 'auditor', 'admin', 'owner', 'service_account'])),
    /** E-mail address in lower case. Unknown for actors without one. */
    email: ofRequest('actor.email', z.string()),
    /** Ids of the groups that the actor is a member of, sorted. */
    groups: ofRequest('actor.groups', z.array(z.string()).readonly()),
  },
  /** Sign-in by which the token in use was obtained. Unknown for tokens that an admin created. */
  signIn: {
    /** Id of the identity provider. */
    providerId: ofRequest('sign_in.provider_id', z.string()),
    /** Key of the identity provider's plugin: the kind of provider, such as `oidc`. */
    providerType: ofRequest('sign_in.provider_type', z.string()),
    /** Time of the sign-in, in milliseconds since 1970. */
    at: ofRequest('sign_in.at', z.number()),
    /**
     * Time when the person last proved to the provider who she is, in milliseconds since 1970; earlier than `at` if she
     * was already signed in there. This fact and the following ones are unknown if the provider did not say them.
     */
    authenticatedAt: ofRequest('sign_in.authenticated_at', z.number()),
    /** Methods of that authentication, by the names of RFC 8176: `pwd`, `otp`, `hwk`, `mfa` … */
    methods: ofRequest('sign_in.methods', z.array(z.string()).readonly()),
    /** Groups of the person at the provider when she signed in. The account's own groups are `actor.groups`. */
    providerGroups: ofRequest('sign_in.provider_groups', z.array(z.string()).readonly()),
    /** Further claims of the provider about the person when she signed in, by name. */
    claims: ofRequest('sign_in.claims', z.record(z.string(), z.json())),
  },
  device: {
    /** Id of the client's row. */
    id: ofRequest('device.id', z.string()),
    /** Whether an admin has vouched for the device. */
    isVerified: ofRequest('device.is_verified', z.boolean()),
    /** Name of the operating system, as the client spells it: `Debian`. */
    os: ofRequest('device.os', z.string(), 'client'),
    osVersion: ofRequest('device.os_version', z.string(), 'client'),
    /** Version of the client's software. */
    version: ofRequest('device.version', z.string(), 'client'),
    userAgent: ofRequest('device.user_agent', z.string(), 'client'),
  },
  client: {
    /** Address from which the client reaches the portal: canonical text without a port. */
    address: ofRequest('client.address', z.string()),
  },
  /** Resource that is asked for. */
  resource: {
    id: ofRequest('resource.id', z.string()),
    name: ofRequest('resource.name', z.string()),
  },
  /** Site of the resource. */
  site: {
    id: ofRequest('site.id', z.string()),
    name: ofRequest('site.name', z.string()),
  },
  gateway: {
    name: ofCandidate('gateway.name', z.string(), 'portal'),
    /** Address from which the gateway reaches the portal: canonical text without a port. */
    address: ofCandidate('gateway.address', z.string(), 'portal'),
    /** Number of clients that hold an authorization on the gateway. */
    clients: ofCandidate('gateway.clients', z.number(), 'portal'),
    /** Share of the processors of the gateway's machine in use, from 0 to 1, averaged over some seconds. */
    processorShare: ofCandidate('gateway.processor_share', z.number(), 'gateway'),
    /** Bytes per second through the gateway, both directions together, averaged over some seconds. */
    bytesPerSecond: ofCandidate('gateway.bytes_per_second', z.number(), 'gateway'),
    /** Version of the gateway's software. */
    version: ofCandidate('gateway.version', z.string(), 'gateway'),
  },
  /** Path between the client and a gateway. */
  path: {
    /**
     * Latest round trip in milliseconds as the client measured it within the last hour. Unknown for a gateway that it has
     * not been connected to.
     */
    roundTripMs: ofCandidate('path.round_trip_ms', z.number(), 'client'),
  },
} as const

/** Facts that the portal knows without a plugin, by name. */
export const BUILT_IN_FACTS: ReadonlyMap<string, Reads<unknown>> = new Map(
  Object.values(Facts)
    .flatMap((group): Reads<unknown>[] => Object.values(group))
    .map((fact) => [fact.name, fact]),
)
