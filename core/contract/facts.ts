/** Something that the host knows, as plugins are given it. Frozen. */
export interface Fact<T> {
  readonly value: T
}

/** What a fact is about: the whole request, or one of the gateways that may serve it. */
export type About = 'request' | 'candidate'

/** Names a fact where a plugin declares that it reads it. `Given` is what the plugin is handed: a `Fact`, or that or undefined. */
export interface Reads<Given, A extends About = About> {
  /** `client.address`: lower case, words joined by underscores, labels by dots. */
  readonly name: string
  readonly about: A
  readonly isOptional: boolean
  /** Carries the type only; never present. */
  readonly __given?: Given | undefined
}

/** Identity of a fact whose value is a `T`: its name. */
export type FactToken<T, A extends About = 'request'> = Reads<Fact<T>, A>

/** Lets a condition be asked although the fact is unknown; its fact is then undefined. Without this an unknown fact denies unasked. */
export const optional = <T, A extends About>({ name, about }: FactToken<T, A>): Reads<Fact<T> | undefined, A> => ({
  name,
  about,
  isOptional: true,
})

const ofRequest = <T>(name: string): FactToken<T> => ({ name, about: 'request', isOptional: false })
const ofCandidate = <T>(name: string): FactToken<T, 'candidate'> => ({ name, about: 'candidate', isOptional: false })

/** The facts that hosts know by themselves. */
export const Facts = {
  client: {
    /** Address from which the client reaches the portal: canonical text without a port. */
    address: ofRequest<string>('client.address'),
  },
  signIn: {
    /** Id of the identity provider by which the token in use was obtained. Unknown for tokens that an admin created. */
    providerId: ofRequest<string>('sign_in.provider_id'),
  },
  device: {
    /** Whether an admin has vouched for the device. */
    isVerified: ofRequest<boolean>('device.is_verified'),
  },
  gateway: {
    /** Number of clients that hold an authorization on the gateway. */
    clients: ofCandidate<number>('gateway.clients'),
    /** Version of the gateway's software. */
    version: ofCandidate<string>('gateway.version'),
  },
} as const
