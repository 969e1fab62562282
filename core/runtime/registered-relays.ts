import { token } from '../di.ts'
import type { Endpoint } from './endpoint.ts'
import type { Secret } from './secret.ts'

/** Relays that have registered at a portal: over its control channel, or in its own process. */
export interface RegisteredRelays {
  /** Lists the relays, oldest first. */
  list: () => readonly RegisteredRelay[]
  /** Calls `changed` whenever a relay comes or goes. Returns a function that ends this. */
  watch: (changed: () => void) => () => void
}

/** Relay that has registered at the portal. */
export interface RegisteredRelay {
  /** UUID in lower case. */
  readonly id: string
  /** Name for people. */
  readonly name: string
  /** UDP endpoints, one of each family that the relay has. */
  readonly endpoints: readonly Endpoint[]
  /** Secret from which the passwords of peers are derived. */
  readonly stampSecret: Secret
  /** URL of a WebSocket that carries the same datagrams. */
  readonly websocketUrl?: string | undefined
  /** Id of the account whose token the relay showed; absent for one in the portal's own process, which serves all. */
  readonly accountId?: string | undefined
  /** Whether it runs in the portal's own process. */
  readonly isHere: boolean
}

export const RegisteredRelays = token<RegisteredRelays>('registered-relays')
