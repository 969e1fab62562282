import { z } from 'zod'
import type { UnixTime } from '../runtime/time.ts'
import type { Schema } from './schema.ts'

/** Something that the host knows, and how fresh it is. Frozen. */
export interface Fact<T> {
  readonly value: T
  /**
   * Who says so: `portal`; `client` or `gateway`, whose word is not proven; `question` where it is supposed; or the plugin that brings
   * the fact, with its version: `oncall 1.0.0`.
   */
  readonly source: string
  /** Time since when the host has seen this value without a break; its own start for values that it read then. */
  readonly since: UnixTime
  /** Time from which the fact is unknown unless its source confirms it; absent where it holds until its source says otherwise. */
  readonly validUntil?: UnixTime
}

/** What a fact is about: the whole request, or one of the gateways that may serve it. */
export type About = 'request' | 'candidate'

/** Part of the system whose word a fact is. The word of a client or gateway is not proven. */
export type SaidBy = 'portal' | 'client' | 'gateway'

/** Names a fact where a plugin declares that it reads it. `Given` is what the plugin is handed: a `Fact`, or that or undefined. */
export interface Reads<Given, A extends About = About> {
  /** `client.address`: lower case, words joined by underscores, labels by dots. */
  readonly name: string
  readonly about: A
  readonly isOptional: boolean
  readonly from: SaidBy
  /** Schema of the fact's value. */
  readonly schema: Schema<unknown>
  /** Carries the type only; never present. */
  readonly __given?: Given | undefined
}

/** Identity of a fact whose value is a `T`: its name. */
export type FactToken<T, A extends About = 'request'> = Reads<Fact<T>, A>

/** Lets a condition be asked although the fact is unknown; its fact is then undefined. Without this an unknown fact denies unasked. */
export const optional = <T, A extends About>(fact: FactToken<T, A>): Reads<Fact<T> | undefined, A> => {
  const { __given: _, ...token } = fact
  return { ...token, isOptional: true }
}

const ofRequest = <T>(name: string, schema: Schema<T, T>, from: SaidBy = 'portal'): FactToken<T> => ({
  name,
  about: 'request',
  isOptional: false,
  from,
  schema,
})
const ofCandidate = <T>(name: string, schema: Schema<T, T>, from: SaidBy): FactToken<T, 'candidate'> => ({
  name,
  about: 'candidate',
  isOptional: false,
  from,
  schema,
})

/** The facts that hosts know by themselves. */
export const Facts = {
  /** Person or service account that asks. */
  actor: {
    id: ofRequest('actor.id', z.string()),
    type: ofRequest('actor.type', z.enum(['user', 'admin', 'service_account'])),
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
    /** Version of the gateway's software. */
    version: ofCandidate('gateway.version', z.string(), 'gateway'),
  },
  /** Path between the client and a gateway. */
  path: {
    /** Round trip in milliseconds as the client measured it. Unknown until it has. */
    roundTripMs: ofCandidate('path.round_trip_ms', z.number(), 'client'),
  },
} as const

/** Facts that hosts know by themselves, by name. */
export const BUILT_IN_FACTS: ReadonlyMap<string, Reads<unknown>> = new Map(
  Object.values(Facts)
    .flatMap((group): Reads<unknown>[] => Object.values(group))
    .map((fact) => [fact.name, fact]),
)
